// The adversaries of a random switch, by name.
export { arc } from './arc.ts'
export { ensembleLogits, ensembleProbs } from './ensemble.ts'
export { eot } from './eot.ts'
export { eotApgd } from './eot-apgd.ts'
export { random } from './switch-attack.ts'
