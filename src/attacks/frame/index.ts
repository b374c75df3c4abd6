// The frame of the attacks for those who write one: what is common to all of them, with checks of what is handed in.
import { isFloat32Array, isFloat64Array, isInt32Array } from '../../inputs/images.ts'
import { anyNumber, callback, count, flag, kind, oneOf, orNull, required, text } from '../../inputs/kinds.ts'
import { checkFields, checkOption, checkOptions, type OptionRows } from '../../inputs/options.ts'
import type { Draws } from '../../random/draws.ts'
import { type Tensor, tensorKind } from '../../tensor/tensor.ts'
import { reached as reachedUnchecked } from './goal.ts'
import { threatRows } from './host-attack.ts'
import type { HostBatch } from './host-batch.ts'
import { type Loss, lossFor as lossForUnchecked, type UntargetedLoss, untargetedLosses } from './losses.ts'
import { row as rowUnchecked } from './oracle.ts'
import { project as projectUnchecked } from './project.ts'
import { type Ascent, projectedAscent as ascendUnchecked, type GradientBatch } from './projected-gradient.ts'
import { drawsOf as drawsOfUnchecked } from './streams.ts'
import {
  anyEpsRow,
  type Norm,
  normRow,
  type ThreatModel,
  threatModel as threatModelUnchecked,
} from './threat-model.ts'

export { hostAttack } from './host-attack.ts'

const floats = required(
  kind('a Float32Array or Float64Array', value => isFloat32Array(value) || isFloat64Array(value)),
)
const batchKind = required(
  kind(
    'the batch that the attack was given',
    value =>
      typeof value === 'object' &&
      value !== null &&
      isInt32Array((value as HostBatch).labels) &&
      isInt32Array((value as HostBatch).sampleIds),
  ),
)
const index = required(count(0))

/** What an attacker may do. */
export interface ThreatModelOptions {
  /** Radius of the ball, pixels in [0, 1]: 8/255 on CIFAR. */
  eps: number
  /** In which perturbations are measured. Default 'linf'. */
  norm?: Norm
  /** Allows an eps of Infinity: for attacks that look for the nearest adversarial image. Default false. */
  anyDistance?: boolean
}

const threatModelRows: OptionRows<ThreatModelOptions> = { eps: anyEpsRow, norm: normRow, anyDistance: flag }

/**
 * What an attacker may do: perturbations of norm at most eps that keep pixels in [0, 1].
 * @param options radius and norm
 * @throws ConfigError
 * @example
 * import { attackFrame } from 'rst-native'
 * const { norm, low, high } = attackFrame.threatModel({ eps: 8 / 255 })
 * console.log(norm, low, high) // → linf 0 1
 */
export function threatModel(options: ThreatModelOptions): ThreatModel {
  checkOptions('threatModel', options, threatModelRows)
  return threatModelUnchecked(options)
}

/**
 * A loss of one image and its derivative to the logits: cross-entropy, the difference of logits ratio (Croce & Hein,
 * ICML 2020, Eq. 6; three classes at least) or the margin of Carlini & Wagner (S&P 2017) with confidence 50. In a
 * targeted run the loss that leads to the target, to be maximised too.
 * @param name 'ce', 'dlr' or 'cw'
 * @param targeted whether the run has targets
 * @throws ConfigError
 * @example
 * import { attackFrame } from 'rst-native'
 * const loss = attackFrame.lossFor('ce', false)
 * const cotangent = new Float64Array(2)
 * console.log(loss(Float32Array.of(0, 0), 1, cotangent, -1), cotangent) // → 0.6931 [0.5, -0.5]
 */
export function lossFor(name: UntargetedLoss, targeted: boolean): Loss {
  checkOption('name', name, required(oneOf(untargetedLosses)), 'lossFor')
  checkOption('targeted', targeted, required(flag), 'lossFor')
  return lossForUnchecked(name, targeted)
}

/**
 * Whether an answer is what the attack wants for an image: its target or, in a run without targets, any class but the
 * label.
 * @param batch as `attackBatch` is given it
 * @param n which of its images, from 0
 * @param logits of that image, [classes]
 * @throws ConfigError
 * @example
 * import { attackFrame } from 'rst-native'
 * const batch = {
 *   count: 1,
 *   images: new Float32Array(3),
 *   labels: Int32Array.of(0),
 *   sampleIds: Int32Array.of(0),
 *   seed: 0,
 * }
 * console.log(attackFrame.reached(batch, 0, Float32Array.of(1, 2))) // → true
 */
export function reached(batch: HostBatch, n: number, logits: Float32Array): boolean {
  checkOption('batch', batch, batchKind, 'reached')
  checkOption('n', n, index, 'reached')
  checkOption('logits', logits, floats, 'reached')
  return reachedUnchecked(batch, n, logits)
}

/**
 * Row n of a matrix, sharing its memory: an image of a batch, the logits of one.
 * @param matrix rows one after the other
 * @param n which row, from 0
 * @param width of a row, elements
 * @throws ConfigError
 * @example
 * import { attackFrame } from 'rst-native'
 * console.log(attackFrame.row(Float32Array.of(1, 2, 3, 4), 1, 2)) // → [3, 4]
 */
export function row<T extends Float32Array | Float64Array>(matrix: T, n: number, width: number): T {
  checkOption('matrix', matrix, floats, 'row')
  checkOption('n', n, index, 'row')
  checkOption('width', width, index, 'row')
  return rowUnchecked(matrix, n, width)
}

/**
 * Moves a point into the ball about the original and the box, in place. Of L2 it is not the nearest point of both,
 * but one inside both.
 * @param point [C·H·W], which is changed
 * @param original the image, [C·H·W] in [0, 1]
 * @param threat norm, radius and box
 * @throws ConfigError
 * @example
 * import { attackFrame } from 'rst-native'
 * const point = Float32Array.of(0.9, 0.5)
 * attackFrame.project(point, Float32Array.of(0.5, 0.5), attackFrame.threatModel({ eps: 0.1 }))
 * console.log(point) // → [0.6, 0.5]
 */
export function project(
  point: Float32Array | Float64Array,
  original: Float32Array,
  threat: ThreatModel,
): void {
  checkOption('point', point, floats, 'project')
  checkOption('original', original, floats, 'project')
  checkOptions('project', threat, threatRows)
  projectUnchecked(point, original, threat)
}

/**
 * The random draws of image n of the batch: a function of seed, attack, run and the image's number alone, so that no
 * result depends on batch size or order, and no two attacks share their draws.
 * @param attack its name
 * @param batch as `attackBatch` is given it
 * @param n which of its images, from 0
 * @param run restart, 0 to 1023. Default 0
 * @throws ConfigError
 * @example
 * import { attackFrame, type HostBatch } from 'rst-native'
 * const batch = (ids: number[]): HostBatch => ({
 *   count: ids.length,
 *   images: new Float32Array(3 * ids.length),
 *   labels: new Int32Array(ids.length),
 *   sampleIds: Int32Array.from(ids),
 *   seed: 0,
 * })
 * const alone = attackFrame.drawsOf('mine', batch([7]), 0).uniform()
 * const beside = attackFrame.drawsOf('mine', batch([3, 7]), 1).uniform()
 * console.log(alone === beside) // → true
 */
export function drawsOf(attack: string, batch: HostBatch, n: number, run = 0): Draws {
  checkOption('attack', attack, required(text), 'drawsOf')
  checkOption('batch', batch, batchKind, 'drawsOf')
  checkOption('n', n, index, 'drawsOf')
  checkOption('run', run, index, 'drawsOf')
  return drawsOfUnchecked(`own:${attack}`, run, batch, n)
}

/** Of a projected gradient ascent. */
export interface ProjectedAscentSettings {
  /** What it may do, as `threatModel` gives it. */
  readonly threat: ThreatModel
  /** Of each step, pixels in [0, 1]. */
  readonly stepSize: number
  /** How many, a whole number ≥ 0. */
  readonly steps: number
  /** The name of the attack, by which random starts are drawn; null starts at the images themselves. */
  readonly randomStart: string | null
}

const settingsRows: OptionRows<ProjectedAscentSettings> = {
  threat: required(kind('a threat model, as threatModel() gives,', value => typeof value === 'object')),
  stepSize: required(anyNumber),
  steps: index,
  randomStart: required(orNull(text)),
}

const gradientBatchRows: OptionRows<Pick<GradientBatch, 'images' | 'sampleIds' | 'seed' | 'step'>> = {
  images: required(tensorKind),
  sampleIds: required(tensorKind),
  seed: index,
  step: index,
}

/**
 * Projected gradient ascent on the device (Madry et al., ICLR 2018): steps along the gradient of whatever loss
 * `gradientAt` differentiates (its sign in L∞, its direction in L2), projected into the threat model.
 * @param gradientAt makes the gradient at x [N, C, H, W], and hands over the tensors that it returns
 * @param batch images and what keys their random starts
 * @param settings threat model, step size, steps and start
 * @returns images [N, C, H, W] that the caller owns
 * @throws ConfigError, AbortError
 * @example
 * import { attackFrame, grad, ops, type Tensor, tensor } from 'rst-native'
 * const images = ops.full([2, 3, 4, 4], 0.5)
 * const gradientAt = (x: Tensor) => ({ gradient: grad(() => ops.sum(x), [x]).gradients[0] })
 * const found = await attackFrame.projectedAscent(
 *   gradientAt,
 *   { images, sampleIds: tensor([0, 1], [2], { dtype: 'i32' }), seed: 0, step: 0 },
 *   { threat: attackFrame.threatModel({ eps: 0.1 }), stepSize: 0.05, steps: 3, randomStart: null },
 * )
 * console.log((await found.data())[0]) // → 0.6000
 */
export async function projectedAscent(
  gradientAt: (x: Tensor) => Ascent | Promise<Ascent>,
  batch: GradientBatch,
  settings: ProjectedAscentSettings,
): Promise<Tensor> {
  checkOption('gradientAt', gradientAt, required(callback), 'projectedAscent')
  checkFields('projectedAscent', batch, gradientBatchRows)
  checkOptions('projectedAscent', settings, settingsRows)
  checkOptions('projectedAscent', settings.threat, threatRows)
  const { randomStart } = settings
  return ascendUnchecked(gradientAt, batch, {
    ...settings,
    randomStart: randomStart === null ? null : `own:${randomStart}`,
  })
}
