export { fab } from './fab.ts'
export { fgsm, fgsmRs } from './fgsm.ts'
export { free } from './free.ts'
export { pgd } from './pgd.ts'
