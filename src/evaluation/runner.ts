// The one way to attack a set of images: chunk by chunk, what is finished kept in a journal, and each adversarial image
// verified before it counts. `evaluate`, `transferMatrix` and `evaluateR2S` differ in what they attack and count.
import { createHash, type Hash } from 'node:crypto'
import type { Attack, AttackRunOptions } from '../attacks/frame/attack.ts'
import { within } from '../attacks/frame/journal.ts'
import { type Norm, threatModel } from '../attacks/frame/threat-model.ts'
import type { Split } from '../data/dataset.ts'
import { AbortError, ConfigError, ShapeError } from '../errors.ts'
import { abortSignal, callback, count, flag, path, seed } from '../inputs/kinds.ts'
import type { OptionRows } from '../inputs/options.ts'
import type { Classifier } from '../nn/classifier.ts'
import { version } from '../version.ts'
import { chooseBatchSize } from './batch-size.ts'
import type { EvaluationProgress } from './meter.ts'
import { logitsOf, noPredictions, type Predictions, predict, rightOf } from './predictions.ts'
import { attackProvenance, computedWith, modelProvenance, type Provenance } from './provenance.ts'
import { EvaluationState, type StoredConfig } from './state.ts'
import type { AttackEffort, Tally } from './tally.ts'
import { numbers, TestImages } from './test-images.ts'
import { type Verdict, verify } from './verification.ts'

/** What every evaluation reads. */
export interface RunOptions {
  /** Evaluate a subset of this many images, chosen by seed, from 1 to all. Default: all. */
  limit?: number
  /** In place of `limit`: the first images of the split, in its order, as RobustBench reports. */
  first?: number
  /** The other seeds, where they are not given. Default 0. */
  seed?: number
  /** Of the subset that `limit` chooses. Default: `seed`. */
  dataSeed?: number
  /** Of all that attacks, and simulations of a switch, draw. Default: `seed`. */
  attackSeed?: number
  /**
   * Images at once; it changes nothing but speed and memory. Default: up to 256, as many as fit in half of the free
   * memory.
   */
  batchSize?: number
  /** Where finished batches are kept until the evaluation is complete, so that an interrupted one can be resumed. */
  runDir?: string
  /** Continue the interrupted evaluation in `runDir`, to the same result. Default false. */
  resume?: boolean
  /** Interrupts the evaluation, which then throws an AbortError. */
  signal?: AbortSignal
  /** Called after each batch. */
  onProgress?: (progress: EvaluationProgress) => void
  /**
   * Told of kept batches that are damaged, so that they are done again: it changes no result. Default: a warning of the
   * process.
   */
  onWarning?: (message: string) => void
}

export const runRows: OptionRows<RunOptions> = {
  limit: count(),
  first: count(),
  seed,
  dataSeed: seed,
  attackSeed: seed,
  batchSize: count(),
  runDir: path,
  resume: flag,
  signal: abortSignal,
  onProgress: callback,
  onWarning: callback,
}

/** What an attack, of whatever it attacks, must be. */
export interface RunnableAttack {
  readonly name: string
  readonly eps: number
  readonly norm: Norm
  run(images: Float32Array, labels: number[], options: AttackRunOptions): Promise<AttackFindings>
}

/** What it found, image by image. */
export interface AttackFindings extends AttackEffort {
  /** [N·C·H·W] */
  readonly adversarial: Float32Array
  /** See Claims. */
  readonly robust?: ArrayLike<number>
  /** See AttackResult. */
  readonly distances?: ArrayLike<number>
  readonly brokenBy?: readonly (string | null)[]
}

/** What is attacked. */
export interface Target {
  /** Names the attack among those of this evaluation. */
  readonly key: string
  /** Numbers of the models attacked. */
  readonly attacked: readonly number[]
  /** Numbers of the images attacked. */
  readonly images: readonly number[]
  /** Whether to ask about the images rounded to 8 bits too, and to keep what is predicted. Default false. */
  readonly detailed?: boolean
  /** Told how many images are done. */
  readonly onImages: (done: number) => void
}

/** A part of the images, attacked and verified. */
export interface Chunk {
  /** Numbers of its images. */
  readonly images: readonly number[]
  readonly findings: AttackFindings
  readonly verdict: Verdict
}

/** Most values of the images that an attack is given at once: 2^26 are 256 MiB, all of CIFAR's test images. */
const chunkValues = 2 ** 26

export class Runner {
  readonly images: TestImages
  readonly attackSeed: number
  readonly batchSize: number
  readonly #models: readonly Classifier[]
  readonly #options: RunOptions
  readonly #stored: StoredConfig | undefined
  #right: readonly Uint8Array[] = []
  #predictions: readonly Predictions[] = []
  /** Of the natural answers of each model. */
  #fingerprints: readonly string[] = []
  #state: EvaluationState | undefined

  private constructor(
    models: readonly Classifier[],
    images: TestImages,
    batchSize: number,
    stored: StoredConfig | undefined,
    options: RunOptions,
  ) {
    this.images = images
    this.attackSeed = options.attackSeed ?? options.seed ?? 0
    this.batchSize = batchSize
    this.#models = models
    this.#options = options
    this.#stored = stored
  }

  /**
   * @param models of one image size and class count, in eval mode
   * @throws ConfigError
   */
  static async open(models: readonly Classifier[], split: Split, options: RunOptions): Promise<Runner> {
    const { runDir, resume = false } = options
    if (resume && runDir === undefined) {
      throw new ConfigError('resume needs the runDir of the evaluation to continue.', 'runDir')
    }
    if (runDir !== undefined && models.some(model => model.randomized)) {
      throw new ConfigError(
        'A model that answers at random would answer otherwise when its evaluation is resumed: leave out runDir, or pin one ticket.',
        'runDir',
      )
    }
    const images = await TestImages.open(models[0], split, options)
    const stored = runDir === undefined ? undefined : await EvaluationState.find(runDir, resume)
    const batchSize = await chooseBatchSize(models[0], options.batchSize ?? stored?.batchSize)
    return new Runner(models, images, batchSize, stored, options)
  }

  /** What each model says of the natural images, once it was asked. */
  get predictions(): readonly Predictions[] {
    return this.#predictions
  }

  /** Whether a model answers at random. */
  get randomized(): boolean {
    return this.#models.some(model => model.randomized)
  }

  /**
   * Asks every model about every natural image; to be called first.
   * @param onImages told how many are done
   * @returns for each model, 1 where it is right, [models][images]
   * @throws AbortError, ShapeError
   */
  async natural(onImages: (done: number) => void): Promise<readonly Uint8Array[]> {
    const { size, labels } = this.images
    const right = this.#models.map(() => new Uint8Array(size))
    const predictions = this.#models.map(() => noPredictions(size))
    const hashes = this.#models.map(() => createHash('sha256'))
    for (const batch of this.images.batches(this.batchSize)) {
      this.#checkAborted()
      const pixels = this.images.pixels(batch)
      const theirLabels = labels.subarray(batch[0], batch[0] + batch.length)
      for (const [k, model] of this.#models.entries()) {
        const logits = await logitsOf(model, pixels)
        right[k].set(rightOf(logits, theirLabels, model.numClasses), batch[0])
        predict(logits, model.numClasses, predictions[k], batch)
        hashes[k].update(bytesOf(logits))
      }
      onImages(batch[0] + batch.length)
    }
    this.#right = right
    this.#predictions = predictions
    this.#fingerprints = hashes.map(fingerprint)
    return right
  }

  /**
   * Opens what is kept of the finished work, where there is a `runDir`; to be called after `natural`.
   * @param kind of evaluation
   * @param settings all that results depend on beside models, images and seed, as JSON can hold it
   * @throws ConfigError where it is of another evaluation, naming the value that differs
   */
  async keep(kind: string, settings: object): Promise<void> {
    const { runDir, onWarning = (message: string) => process.emitWarning(message) } = this.#options
    if (runDir === undefined) return
    const { size, imageSize } = this.images
    const config = {
      version,
      kind,
      seed: this.attackSeed,
      images: size,
      batchSize: this.batchSize,
      data: this.images.fingerprint,
      models: this.#fingerprints,
      ...settings,
    }
    const options = { imageSize, onDamage: onWarning }
    this.#state = await EvaluationState.open(runDir, config, this.#stored, options)
  }

  /**
   * Attacks images, and verifies what comes back.
   * @param tally counts what it took
   * @throws ConfigError, ShapeError, AbortError
   */
  async *attack(attack: RunnableAttack, target: Target, tally: Tally): AsyncGenerator<Chunk> {
    const { images, batchSize } = this
    const { attacked, detailed = false } = target
    const { signal } = this.#options
    const threat = threatModel({ eps: attack.eps, norm: attack.norm, anyDistance: true })
    const batches = Math.max(1, Math.floor(chunkValues / (images.imageSize * batchSize)))
    let from = 0
    let told = 0
    const tell = (done: number) => {
      if (done !== told) target.onImages(done)
      told = done
    }
    for (const chosen of images.batches(batches * batchSize, target.images)) {
      this.#checkAborted()
      const chunkStart = from
      const natural = images.pixels(chosen)
      const labels = chosen.map(n => images.labels[n])
      const findings = await attack.run(natural, labels, {
        seed: this.attackSeed,
        batchSize,
        sampleIds: chosen.map(n => images.ids[n]),
        signal,
        journal: within(this.#state, `${target.key}/${from}`),
        onProgress: ({ images: done }) => tell(chunkStart + done),
      })
      this.#checkAborted()
      checkFindings(findings, natural.length, attack.name)
      const naturallyRight = this.#right.map(right => chosen.map(n => right[n]))
      const verification = { threat, batchSize, attacked, naturallyRight, detailed, signal }
      const verdict = await verify(this.#models, { ...findings, natural, labels }, verification)
      tally.add(findings, verdict)
      from += chosen.length
      tell(from)
      yield { images: chosen, findings, verdict }
    }
  }

  /**
   * Ends the evaluation: what is kept is deleted once `onComplete` has written the report down.
   * @throws whatever `onComplete` throws; the evaluation can then still be resumed
   */
  async complete<T>(report: T, onComplete: ((report: T) => Promise<void>) | undefined): Promise<T> {
    await onComplete?.(report)
    await this.#state?.remove()
    return report
  }

  /** What the numbers are of; to be called after `natural`. */
  async provenance(
    attacks: readonly Pick<Attack, 'name' | 'norm' | 'eps' | 'settings'>[],
  ): Promise<Provenance> {
    const models: Provenance['models'][number][] = []
    for (const [k, model] of this.#models.entries()) {
      models.push(await modelProvenance(model, this.#fingerprints[k]))
    }
    return {
      models,
      data: this.images.provenance,
      attacks: attacks.map(attack => attackProvenance(attack, this.attackSeed)),
      ...computedWith(this.#models[0]),
    }
  }

  /** The numbers of all images. */
  get all(): number[] {
    return numbers(this.images.size)
  }

  #checkAborted(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw new AbortError('The evaluation was interrupted.', { cause: signal.reason })
  }
}

/** @throws ShapeError where an attack hands back other than the images it was given */
function checkFindings({ adversarial }: AttackFindings, expected: number, name: string): void {
  if (adversarial?.length === expected) return
  throw new ShapeError(
    `Expected ${expected} values of adversarial images, a Float32Array, from the attack ${name} but received ${adversarial?.length ?? 'nothing'}.`,
  )
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Some characters that tell contents apart. */
const fingerprint = (hash: Hash) => hash.digest('hex').slice(0, 16)
