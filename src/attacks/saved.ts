// Adversarial images in a file: a safetensors file of format rst-adversarial/1.
//
//   metadata     format, attack, norm, eps, version
//   adversarial  F32 [N, C, H, W], pixels in [0, 1]
//   labels       I32 [N]
//   images       I32 [N], numbers of the images in their data set
//   robust       U8 [N], 1 = still classified right
//   best_loss    F32 [N], the largest loss found
import { writeFileAtomic } from '../files/atomic.ts'
import { encodeSafetensors, type StoredTensor } from '../files/safetensors.ts'
import { version } from '../version.ts'
import type { Attack } from './attack.ts'
import type { Classifier } from './classifier.ts'

/** An attack that keeps what it finds, in the order of its runs. */
export interface RecordedAttack extends Attack {
  /**
   * Writes the images of all runs so far. Those that an evaluation does not attack, as the model is wrong on them
   * anyway, are not among them.
   * @throws ConfigError where the file cannot be written
   */
  save(path: string): Promise<void>
}

/** @param inputShape of the model that will be attacked */
export function recorded(attack: Attack, inputShape: Classifier['inputShape']): RecordedAttack {
  const found = {
    adversarial: [] as Float32Array[],
    labels: [] as number[],
    images: [] as number[],
    robust: [] as number[],
    bestLoss: [] as number[],
  }
  return {
    ...attack,
    async run(model, images, labels, options = {}) {
      const result = await attack.run(model, images, labels, options)
      found.adversarial.push(result.adversarial)
      for (let n = 0; n < labels.length; n++) {
        found.labels.push(labels[n])
        found.images.push(options.sampleIds?.[n] ?? n)
        found.robust.push(result.robust[n])
        found.bestLoss.push(result.bestLoss[n])
      }
      return result
    },
    async save(path) {
      const count = found.labels.length
      const imageSize = inputShape.reduce((product, d) => product * d, 1)
      const adversarial = new Float32Array(count * imageSize)
      let position = 0
      for (const batch of found.adversarial) {
        adversarial.set(batch, position)
        position += batch.length
      }
      const tensors = new Map<string, StoredTensor>([
        ['adversarial', { dtype: 'F32', shape: [count, ...inputShape], data: adversarial }],
        ['labels', { dtype: 'I32', shape: [count], data: Int32Array.from(found.labels) }],
        ['images', { dtype: 'I32', shape: [count], data: Int32Array.from(found.images) }],
        ['robust', { dtype: 'U8', shape: [count], data: Uint8Array.from(found.robust) }],
        ['best_loss', { dtype: 'F32', shape: [count], data: Float32Array.from(found.bestLoss) }],
      ])
      const { name, norm, eps } = attack
      const metadata = { format: 'rst-adversarial/1', attack: name, norm, eps: String(eps), version }
      await writeFileAtomic(path, encodeSafetensors({ metadata, tensors }))
    },
  }
}
