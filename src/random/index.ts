export { Draws } from './draws.ts'
export { permutation } from './permutation.ts'
export { Purpose, philox4x32, RandomStream } from './philox.ts'
