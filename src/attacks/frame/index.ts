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

export interface ThreatModelOptions {
  /** Radius of the ball, pixels in [0, 1]. */
  eps: number
  /** Default 'linf'. */
  norm?: Norm
  /** Allows an eps of Infinity: for attacks that look for the nearest adversarial image. Default false. */
  anyDistance?: boolean
}

const threatModelRows: OptionRows<ThreatModelOptions> = { eps: anyEpsRow, norm: normRow, anyDistance: flag }

/**
 * What an attacker may do: perturbations of norm at most eps that keep pixels in [0, 1].
 * @throws ConfigError
 */
export function threatModel(options: ThreatModelOptions): ThreatModel {
  checkOptions('threatModel', options, threatModelRows)
  return threatModelUnchecked(options)
}

/**
 * A loss of one image and its derivative to the logits: cross-entropy, the difference of logits ratio (Croce & Hein,
 * ICML 2020; three classes at least) or the margin of Carlini & Wagner with confidence 50. In a targeted run the loss
 * that leads to the target, to be maximised too.
 * @throws ConfigError
 */
export function lossFor(name: UntargetedLoss, targeted: boolean): Loss {
  checkOption('name', name, required(oneOf(untargetedLosses)), 'lossFor')
  checkOption('targeted', targeted, required(flag), 'lossFor')
  return lossForUnchecked(name, targeted)
}

/**
 * Whether an answer is what the attack wants for image n of the batch: its target or, in a run without targets, any
 * class but the label.
 * @param logits [classes] of that image
 * @throws ConfigError
 */
export function reached(batch: HostBatch, n: number, logits: Float32Array): boolean {
  checkOption('batch', batch, batchKind, 'reached')
  checkOption('n', n, index, 'reached')
  checkOption('logits', logits, floats, 'reached')
  return reachedUnchecked(batch, n, logits)
}

/**
 * Row n of a matrix of rows of `width`, sharing its memory: an image of a batch, the logits of one.
 * @throws ConfigError
 */
export function row<T extends Float32Array | Float64Array>(matrix: T, n: number, width: number): T {
  checkOption('matrix', matrix, floats, 'row')
  checkOption('n', n, index, 'row')
  checkOption('width', width, index, 'row')
  return rowUnchecked(matrix, n, width)
}

/**
 * Moves a point into the ball about the original and the box, in place. Of L2 it is not the nearest point of both, but
 * one inside both.
 * @param point [C·H·W], as is the original
 * @throws ConfigError
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
 * @param run restart, 0 to 1023. Default 0
 * @throws ConfigError
 */
export function drawsOf(attack: string, batch: HostBatch, n: number, run = 0): Draws {
  checkOption('attack', attack, required(text), 'drawsOf')
  checkOption('batch', batch, batchKind, 'drawsOf')
  checkOption('n', n, index, 'drawsOf')
  checkOption('run', run, index, 'drawsOf')
  return drawsOfUnchecked(`own:${attack}`, run, batch, n)
}

export interface ProjectedAscentSettings {
  readonly threat: ThreatModel
  readonly stepSize: number
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
 * Projected gradient ascent on the device: steps along the gradient of whatever loss `gradientAt` differentiates (its
 * sign in L∞, its direction in L2), projected into the threat model.
 * @param gradientAt hands over the tensors that it returns
 * @returns images [N, C, H, W] that the caller owns
 * @throws ConfigError, AbortError
 * @example
 * const gradientAt = x => ({ gradient: grad(() => ops.crossEntropy(model.logits(x), labels), [x]).gradients[0] })
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
