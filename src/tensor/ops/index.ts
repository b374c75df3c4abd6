// What users may call. Ops that only the package itself should, attackStep, assign and recordMaskedWeight, are imported
// from their own files.
export { type RandomStartOptions, randomStart } from './attack.ts'
export { type ConvOptions, conv2d, linear } from './conv.ts'
export * from './conv-batch-norm.ts'
export * from './data.ts'
export * from './elementwise.ts'
export * from './loss.ts'
export { maskedWeight, packBits, topkMask, unpackBits } from './mask.ts'
export * from './norm.ts'
export { type SgdOptions, sgdStep } from './optim.ts'
export * from './pool.ts'
export * from './random.ts'
export * from './reduce.ts'
