// The options of a search, a dense training and a fine-tuning, as users write them.
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Initialisation } from '../nn/initialisation.ts'
import type { Pattern } from '../nn/pattern.ts'
import type { DenseModel } from '../saved/dense-model.ts'
import type { Device } from '../tensor/device.ts'
import type { DeviceName } from '../tensor/device-name.ts'
import type { Schedule } from './schedule.ts'

/** Options that every training loop shares. */
export interface TrainingOptions {
  /** One of `models.names`. */
  arch: string
  data: Dataset
  /** Multiplier of every layer's channels, > 0. Default 1. */
  width?: number
  /** The inner attack that makes the training adversarial; null = natural training. Default: PGD-7 at `data.info.usualEps`. */
  inner?: InnerAttack | null
  /** Passes over the training images. Default 160. */
  epochs?: number
  /** Default 256. */
  batchSize?: number
  /** Default: 0.1, step schedule. */
  lr?: number
  schedule?: Schedule
  momentum?: number
  weightDecay?: number
  /** Label smoothing, [0, 1). Default 0. */
  labelSmoothing?: number
  /** Random crop (4 pixels of padding) and, where the data allow it, flip. Default true. */
  augment?: boolean
  /** Train on a seeded subset of this many training images. Default: all. */
  limit?: number
  /**
   * Where the epoch whose network is returned is chosen, by PGD-20 accuracy at the inner attack's eps (natural accuracy
   * in natural training): 'validation' holds out training images, 'test' is the paper's way and flatters the result,
   * 'last' takes the last epoch. Default 'validation'. With one candidate there is nothing to choose or hold out.
   */
  selectOn?: 'validation' | 'test' | 'last'
  /** Epochs between candidates. Default 3, as the official code. */
  selectEvery?: number
  /** Training images held out for 'validation'. Default 1000, or a tenth of the training images if that is less. */
  validationImages?: number
  /** Batch norm during the inner attack: 'train' as the official code (default) or 'eval'. */
  attackBatchNorm?: 'train' | 'eval'
  /** Seeds augmentation and attack starts, and what has a seed of its own where that is not given. Default 0. */
  seed?: number
  /** Of the images: the subset of `limit`, those held out or chosen for selection, and their order. Default: seed. */
  dataSeed?: number
  /** Default 'auto'. */
  device?: DeviceName | Device
  threads?: number
  signal?: AbortSignal
  onProgress?: (progress: TrainingProgress) => void
  /**
   * Told what went wrong and was mended, such as a damaged checkpoint in whose place the one before it is used. Default:
   * a warning of the process.
   */
  onWarning?: (message: string) => void
  /** Write checkpoints and metrics to this run folder, which no other process may work in meanwhile. */
  runDir?: string
  /** Continue the run in runDir from its newest checkpoint, to the same bits. */
  resume?: boolean
  /** Minutes between two checkpoints at most; 0 = only at the end of each epoch. Default 10. */
  checkpointMinutes?: number
}

export interface SearchOptions extends TrainingOptions {
  /** Share of weights kept in each layer, (0, 1]. */
  remainingRatio: number
  /** Default 'element'. */
  pattern?: Pattern
  /** Default 'signed-kaiming-constant'. */
  init?: Initialisation
  /**
   * Search over the weights of this trained dense model instead of random ones: a robust ticket of a trained network
   * (RTT; paper, Sec. 5.2). The ticket then holds the weights that it keeps. Architecture, width and image size
   * must be those of the search.
   */
  from?: DenseModel
  /** With `from`: draw the classifier anew with `init`, to transfer to a data set of other classes. Default false. */
  reinitClassifier?: boolean
  /** Default: seed. */
  weightSeed?: number
  /** Default: seed. */
  scoreSeed?: number
}

/** Told after each step. */
export interface TrainingProgress {
  epoch: number
  epochs: number
  step: number
  steps: number
  /** Mean adversarial training loss of the step. */
  loss: number
  /** Share of the step's (attacked) images classified right. */
  accuracy: number
  lr: number
  imagesPerSecond: number
  /** Estimated, of the whole run. */
  secondsLeft: number
}
