// The adversaries of a random switch, by name.
export { type ArcOptions, arc } from './arc.ts'
export type { AscentOptions } from './ascent-attack.ts'
export { ensembleLogits, ensembleProbs } from './ensemble.ts'
export { eot } from './eot.ts'
export { type EotApgdOptions, eotApgd } from './eot-apgd.ts'
export { random } from './switch-attack.ts'
