// Adversarial images in a file: a safetensors file of format rst-adversarial/1.
//
//   metadata     format, attack, norm, eps, version, provenance (JSON: what evaluated it, where there was an evaluation)
//   adversarial  F32 [N, C, H, W], pixels in [0, 1]
//   labels       I32 [N]
//   images       I32 [N], numbers of the images in their data set
//   robust       U8 [N], 1 = still classified right
//   best_loss    F32 [N], the largest loss found
//
// and, of attacks that tell them, as AttackResult has them:
//
//   distances    F64 [N], of the nearest adversarial image found
//   queries      I32 [N], of the search for each image
//   targets      I32 [N], the classes wanted in a targeted run
//   hit          U8 [N], 1 = classified as its target
import { writeFileAtomic } from '../../files/atomic.ts'
import { formatJson } from '../../files/json.ts'
import { encodeSafetensors, type StoredTensor } from '../../files/safetensors.ts'
import type { Classifier } from '../../nn/classifier.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { version } from '../../version.ts'
import type { Attack } from './attack.ts'
import { rows } from './oracle.ts'

/** What some attacks tell of each image beside what all do. */
const dtypes = {
  distances: { dtype: 'F64', array: Float64Array },
  queries: { dtype: 'I32', array: Int32Array },
  targets: { dtype: 'I32', array: Int32Array },
  hit: { dtype: 'U8', array: Uint8Array },
} as const

/** An attack that keeps what it finds, in the order of its runs. */
export interface RecordedAttack extends Attack {
  /**
   * Writes the images of all runs so far. Those that an evaluation does not attack, as the model is wrong on them
   * anyway, are not among them.
   * @param provenance of the evaluation that ran it, as JSON can hold it
   * @param path of the file, which is replaced
   * @throws ConfigError where the file cannot be written
   */
  save(path: string, provenance?: object): Promise<void>
  /**
   * Up to `count` images to look at, the natural ones and what became of them, [images·C·H·W]: those that fool the model
   * first. `images` are their numbers in the data set.
   */
  examples(count: number): {
    /** [images·C·H·W] in [0, 1]. */
    readonly natural: Float32Array
    /** [images·C·H·W] in [0, 1]. */
    readonly adversarial: Float32Array
    /** Numbers in the data set. */
    readonly images: readonly number[]
  }
}

/** @param inputShape of the model that will be attacked */
export function recorded(attack: Attack, inputShape: Classifier['inputShape']): RecordedAttack {
  const imageSize = inputShape.reduce((product, d) => product * d, 1)
  const found = {
    natural: [] as Float32Array[],
    adversarial: [] as Float32Array[],
    labels: [] as number[],
    images: [] as number[],
    robust: [] as number[],
    bestLoss: [] as number[],
  }
  const told: Partial<Record<keyof typeof dtypes, number[]>> = {}
  return {
    ...attack,
    async run(model, images, labels, options = {}) {
      const result = await attack.run(model, images, labels, options)
      found.natural.push(images instanceof Tensor ? await images.data() : images)
      found.adversarial.push(result.adversarial)
      for (let n = 0; n < labels.length; n++) {
        found.labels.push(labels[n])
        found.images.push(options.sampleIds?.[n] ?? n)
        found.robust.push(result.robust[n])
        found.bestLoss.push(result.bestLoss[n])
      }
      for (const key of Object.keys(dtypes) as (keyof typeof dtypes)[]) {
        const values = result[key]
        if (values === undefined) continue
        told[key] ??= []
        for (const value of values) told[key].push(value)
      }
      return result
    },
    async save(path, provenance) {
      const count = found.labels.length
      const adversarial = joined(found.adversarial, count * imageSize)
      const tensors = new Map<string, StoredTensor>([
        ['adversarial', { dtype: 'F32', shape: [count, ...inputShape], data: adversarial }],
        ['labels', { dtype: 'I32', shape: [count], data: Int32Array.from(found.labels) }],
        ['images', { dtype: 'I32', shape: [count], data: Int32Array.from(found.images) }],
        ['robust', { dtype: 'U8', shape: [count], data: Uint8Array.from(found.robust) }],
        ['best_loss', { dtype: 'F32', shape: [count], data: Float32Array.from(found.bestLoss) }],
      ])
      for (const [key, values] of Object.entries(told) as [keyof typeof dtypes, number[]][]) {
        const { dtype, array } = dtypes[key]
        tensors.set(key, { dtype, shape: [count], data: array.from(values) } as StoredTensor)
      }
      const { name, norm, eps } = attack
      const metadata = {
        format: 'rst-adversarial/1',
        attack: name,
        norm,
        eps: String(eps),
        version,
        ...(provenance && { provenance: formatJson(provenance) }),
      }
      await writeFileAtomic(path, encodeSafetensors({ metadata, tensors }))
    },
    examples(count) {
      const all = [...found.robust.keys()]
      const broken = all.filter(n => found.robust[n] === 0)
      const chosen = [...broken, ...all.filter(n => found.robust[n] === 1)].slice(0, count)
      const pick = (batches: readonly Float32Array[]) =>
        rows(joined(batches, all.length * imageSize), chosen, imageSize)
      const images = chosen.map(n => found.images[n])
      return { natural: pick(found.natural), adversarial: pick(found.adversarial), images }
    },
  }
}

function joined(batches: readonly Float32Array[], length: number): Float32Array {
  const all = new Float32Array(length)
  let position = 0
  for (const batch of batches) {
    all.set(batch, position)
    position += batch.length
  }
  return all
}
