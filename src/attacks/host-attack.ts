// What the attacks that decide image by image share: batches in host memory, and a check of all that they claim.
import { AbortError } from '../errors.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Attack, AttackResult, AttackRunOptions, Warning } from './attack.ts'
import { checkInputs } from './batches.ts'
import { topClass } from './losses.ts'
import { Oracle, row } from './oracle.ts'
import { insideThreat, type ThreatModel } from './threat-model.ts'

/** A batch of images, all in host memory. */
export interface HostBatch {
  readonly count: number
  /** [count·C·H·W] in [0, 1]; not to be changed. */
  readonly images: Float32Array<ArrayBuffer>
  readonly labels: Int32Array
  /** Key the random draws of each image. */
  readonly sampleIds: Int32Array
  readonly seed: number
}

/** What an attack hands back of a batch. */
export interface HostBatchResult {
  /** [count·C·H·W]; of an image that it could not fool, the best try or the image itself. */
  readonly adversarial: Float32Array<ArrayBuffer>
  /** The largest loss found for each image, [count]. */
  readonly bestLoss: ArrayLike<number>
  /** See AttackResult, [count]. */
  readonly distances?: ArrayLike<number>
  readonly warnings?: readonly Warning[]
}

export interface HostAttackSettings {
  readonly name: string
  readonly threat: ThreatModel
  /** Throws a ConfigError where the attack does not fit the model. */
  readonly check?: (oracle: Oracle) => void
  readonly attackBatch: (oracle: Oracle, batch: HostBatch) => Promise<HostBatchResult>
}

/**
 * Before it counts, each image that comes back is checked apart from the attack: inside ball and box, or else it is put
 * back to the original image and a warning says how many; and classified anew, in one more forward pass.
 */
export function hostAttack({ name, threat, check, attackBatch }: HostAttackSettings): Attack {
  return {
    name,
    eps: threat.eps,
    norm: threat.norm,
    async run(model, images, labels, options: AttackRunOptions = {}): Promise<AttackResult> {
      const { seed = 0, batchSize = 256, sampleIds, signal, onProgress } = options
      const pixels = images instanceof Tensor ? await images.data() : images
      const oracle = new Oracle(model, signal)
      const { imageSize, classes } = oracle
      checkInputs(model, pixels, labels, imageSize, batchSize, sampleIds)
      check?.(oracle)
      const total = labels.length
      const adversarial = new Float32Array(pixels)
      const robust = new Uint8Array(total)
      const bestLoss = new Float32Array(total)
      const warnings = new Map<string, Warning>()
      let distances: Float64Array<ArrayBuffer> | undefined
      let outside = 0
      for (let from = 0; from < total; from += batchSize) {
        if (signal?.aborted) throw new AbortError('The attack was interrupted.', { cause: signal.reason })
        const to = Math.min(total, from + batchSize)
        const batch: HostBatch = {
          count: to - from,
          images: new Float32Array(pixels.subarray(from * imageSize, to * imageSize)),
          labels: Int32Array.from({ length: to - from }, (_, i) => labels[from + i]),
          sampleIds: Int32Array.from({ length: to - from }, (_, i) => sampleIds?.[from + i] ?? from + i),
          seed,
        }
        const result = await attackBatch(oracle, batch)
        const found = new Float32Array(result.adversarial)
        for (let n = 0; n < batch.count; n++) {
          const original = row(batch.images, n, imageSize)
          if (insideThreat(original, row(found, n, imageSize), threat)) continue
          found.set(original, n * imageSize)
          outside++
        }
        const logits = await oracle.logits(found)
        for (let n = 0; n < batch.count; n++) {
          robust[from + n] = topClass(row(logits, n, classes)) === batch.labels[n] ? 1 : 0
        }
        adversarial.set(found, from * imageSize)
        bestLoss.set(result.bestLoss, from)
        if (result.distances) {
          distances ??= new Float64Array(total)
          distances.set(result.distances, from)
        }
        for (const warning of result.warnings ?? []) warnings.set(warning.code, warning)
        onProgress?.({ images: to, total })
      }
      if (outside > 0) {
        warnings.set('outside-threat-model', {
          code: 'outside-threat-model',
          message: `${outside} images of ${name} left the ${threat.norm} ball of ${threat.eps} or the box and were put back; the attack has a fault.`,
        })
      }
      const { forwards, backwards } = oracle
      return {
        adversarial,
        robust,
        bestLoss,
        ...(distances && { distances }),
        forwards,
        backwards,
        warnings: [...warnings.values()],
      }
    },
  }
}
