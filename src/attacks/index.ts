export { type ApgdOptions, apgd } from './apgd.ts'
export { type ApgdTOptions, apgdT } from './apgd-t.ts'
export {
  type AutoAttack,
  type AutoAttackOptions,
  type AutoAttackResult,
  autoAttack,
} from './autoattack/autoattack.ts'
export type { AutoAttackPart, AutoAttackVersion } from './autoattack/parts.ts'
export { type BanditsOptions, bandits } from './bandits.ts'
export { type CwL2Options, cwL2 } from './cw-l2.ts'
export { type CwLinfOptions, cwLinf } from './cw-linf.ts'
export { type FabOptions, fab } from './fab.ts'
export { type FgsmOptions, fgsm, fgsmRs } from './fgsm.ts'
export { type FreeOptions, free } from './free.ts'
export { type PgdOptions, pgd } from './pgd.ts'
export { type SquareOptions, square } from './square.ts'
