// What every attack is, and what it returns.

import type { Classifier } from '../../nn/classifier.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Passes, Warning } from './batch-outcome.ts'
import type { Journal } from './journal.ts'
import type { Norm } from './threat-model.ts'

export type { Passes, Warning }

/**
 * The classes that images are to be taken for: one for each image, [N], which is not its label; or 'least-likely', the
 * class of the smallest logit on the image itself; or 'random', drawn for each image by its number.
 */
export type Targets = ArrayLike<number> | 'least-likely' | 'random'

/** How an attack is run on images. */
export interface AttackRunOptions {
  /** Seeds the random draws, which are per image, from 0 to 2^53 − 1. Default 0. */
  seed?: number
  /** Images attacked at once; it changes nothing but speed and memory. Default 256. */
  batchSize?: number
  /** Image numbers that key the random draws, [N], from 0 to 2^31 − 1. Default 0 … N − 1. */
  sampleIds?: ArrayLike<number>
  /**
   * Makes the run targeted: each image is to be taken for a certain class. AutoAttack and the adversaries of a switch
   * refuse it. Default: any class but the label will do.
   */
  targets?: Targets
  /** Interrupts the run, which then throws an AbortError. */
  signal?: AbortSignal
  /** Called as work is done; `images` counts those of finished batches and the finished share of the present one. */
  onProgress?: (progress: { images: number; total: number }) => void
  /** Where finished batches are kept, and taken from when the same run starts again. Default: nowhere. */
  journal?: Journal
}

/** Values that describe an attack, as they are written to run folders and reports. */
export type AttackSettings = Readonly<Record<string, number | string | boolean>>

/** What one attack of a series did. */
export interface PartReport extends Passes {
  /** Of the attack. */
  readonly name: string
  /** Images that still stood. */
  readonly attacked: number
  /** How many of them it broke. */
  readonly broken: number
  /** How long it took. */
  readonly seconds: number
}

/** What an attack found, image by image. `evaluate` believes none of it before it was computed anew. */
export interface AttackResult extends Passes {
  /**
   * Images [N·C·H·W] in [0, 1], inside the ball; of an image that it could not fool its best try or the image itself.
   */
  readonly adversarial: Float32Array<ArrayBuffer>
  /** 1 = classified right, naturally and under attack, also in targeted runs, [N]. */
  readonly robust: Uint8Array<ArrayBuffer>
  /**
   * The largest loss found for each image, [N]; of attacks that look for the nearest adversarial image, minus its
   * distance.
   */
  readonly bestLoss: Float32Array<ArrayBuffer>
  /**
   * Of attacks that look for the nearest adversarial image (FAB, CW-L2): its distance in the attack's norm, also where
   * that is beyond eps, on which it does not depend; 0 where the image itself is one, Infinity where none was found.
   */
  readonly distances?: Float64Array<ArrayBuffer>
  /**
   * Of attacks without gradients (Square, Bandits): queries of the search for each image, until it was fooled or all; see
   * each attack for what counts. 0 where the image itself is classified as wanted.
   */
  readonly queries?: Int32Array<ArrayBuffer>
  /** Of targeted runs: the target of each image. */
  readonly targets?: Int32Array<ArrayBuffer>
  /** Of targeted runs: 1 = the adversarial image is classified as its target. */
  readonly hit?: Uint8Array<ArrayBuffer>
  /**
   * Of attacks that run others in series: for each image the name of the one that broke it, 'clean' if it was wrong
   * from the outset, null if it is robust.
   */
  readonly brokenBy?: readonly (string | null)[]
  /** Of attacks that run others in series: what each did. */
  readonly parts?: readonly PartReport[]
  /** What makes the result misleading, if anything. */
  readonly warnings: readonly Warning[]
}

/** An attack on one model: PGD and the like, or one of your own (`attackFrame.hostAttack`). */
export interface Attack {
  /** Its name with its main settings, as reports have it: 'pgd-20'. */
  readonly name: string
  /** Radius of its ball, pixels in [0, 1]. */
  readonly eps: number
  /** In which perturbations are measured. */
  readonly norm: Norm
  /** All settings, defaults filled in. */
  readonly settings?: AttackSettings
  /** Passes of an image that is never fooled in a run without targets, by which progress is told. */
  readonly passes?: (classes: number) => Passes
  /**
   * Attacks images. The same seed gives the same bits, for any number of threads and batch size.
   * @param model what is attacked
   * @param images [N, C, H, W] in [0, 1], as a tensor or its elements
   * @param labels their classes, [N]
   * @param options seed, batch size, targets, signal and progress
   * @throws ShapeError, ConfigError, AbortError
   */
  run(
    model: Classifier,
    images: Float32Array | Tensor,
    labels: ArrayLike<number>,
    options?: AttackRunOptions,
  ): Promise<AttackResult>
}

/** Passes of an image that is never fooled. Of an attack that does not tell, those of PGD-20. */
export function passesOf({ passes }: Pick<Attack, 'passes'>, classes: number): Passes {
  return passes?.(classes) ?? { forwards: 21, backwards: 20 }
}
