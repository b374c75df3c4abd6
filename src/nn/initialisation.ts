// How frozen weights and fresh scores are drawn. Weights [K, C, R, S] have fan-in C·R·S and fan-out K·R·S.
import type { RandomWeightOptions } from '../tensor/ops/random.ts'
import type { Pattern } from './pattern.ts'

/**
 * How random weights are drawn. 'signed-kaiming-constant' is ±√(2 / fan-in), as in Ramanujan et al. (CVPR 2020);
 * 'kaiming-normal' and 'kaiming-uniform' follow He et al. (ICCV 2015), 'xavier-normal' Glorot & Bengio (AISTATS
 * 2010).
 */
export type Initialisation =
  | 'signed-kaiming-constant'
  | 'kaiming-normal'
  | 'kaiming-uniform'
  | 'xavier-normal'

/** All of them, the default first. */
export const initialisations: readonly Initialisation[] = [
  'signed-kaiming-constant',
  'kaiming-normal',
  'kaiming-uniform',
  'xavier-normal',
]

type Draw = Pick<RandomWeightOptions, 'init' | 'scale'>

function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]]
  const area = kernel.reduce((product, d) => product * d, 1)
  return { fanIn: inputs * area, fanOut: outputs * area }
}

/** The Kaiming rules use the ReLU's gain √2; none of them depends on the remaining ratio. */
export function weightDraw(shape: readonly number[], init: Initialisation): Draw {
  const { fanIn, fanOut } = fans(shape)
  switch (init) {
    case 'signed-kaiming-constant':
      return { init: 'signed-constant', scale: Math.sqrt(2 / fanIn) }
    case 'kaiming-normal':
      return { init: 'normal', scale: Math.sqrt(2 / fanIn) }
    case 'kaiming-uniform':
      return { init: 'uniform', scale: Math.sqrt(6 / fanIn) }
    case 'xavier-normal':
      return { init: 'normal', scale: Math.sqrt(2 / (fanIn + fanOut)) }
  }
}

/** Scores start Kaiming-uniform with a = √5, bound 1/√fan-in; those of channels start N(0, 1) (official code). */
export function scoreDraw(weightShape: readonly number[], pattern: Pattern): Draw {
  if (pattern === 'channel') return { init: 'normal', scale: 1 }
  return { init: 'uniform', scale: 1 / Math.sqrt(fans(weightShape).fanIn) }
}
