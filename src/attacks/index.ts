export { fgsm, fgsmRs } from './fgsm.ts'
export { free } from './free.ts'
export { pgd } from './pgd.ts'
export { type SquareOptions, square } from './square.ts'
