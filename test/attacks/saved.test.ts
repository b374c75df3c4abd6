// Adversarial images in a file.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { recorded } from '../../src/attacks/frame/saved.ts'
import { square } from '../../src/attacks/index.ts'
import { ConfigError } from '../../src/errors.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { decodeSafetensors } from '../../src/files/safetensors.ts'
import { linearClassifier } from './linear-classifier.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-saved-'))
})
afterEach(() => rm(folder, { recursive: true }))

const model = linearClassifier([1, -2, 0.5, 0], 0.25)
const split = {
  images: Uint8Array.from({ length: 40 }, (_, i) => (i * 37) % 256),
  labels: Int32Array.from([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
  size: 10,
}

it('the file holds what the runs of an evaluation returned, image by image', async () => {
  const attack = recorded(square({ eps: 0.2, queries: 20 }), model.inputShape)
  const report = await evaluate(model, split, { attacks: [attack], batchSize: 3 })
  const file = join(folder, 'square.safetensors')
  await attack.save(file)

  const { metadata, tensors } = decodeSafetensors(await readFile(file), file)
  expect(metadata).toMatchObject({ format: 'rst-adversarial/1', attack: 'square', norm: 'linf', eps: '0.2' })
  const [adversarial, labels, images, robust, loss] = [
    'adversarial',
    'labels',
    'images',
    'robust',
    'best_loss',
  ].map(name => tensors.get(name)!)
  const count = Math.round(report.naturalAccuracy * 10)
  expect(count).toBeGreaterThan(3)
  expect(adversarial.shape).toEqual([count, 1, 1, 4])
  expect([...labels.data]).toEqual([...(images.data as Int32Array)].map(i => split.labels[i]))
  const resisting = [...(robust.data as Uint8Array)].filter(flag => flag === 1)
  expect(resisting.length / 10).toBe(report.attacks[0].robustAccuracy)

  const pixels = new Float32Array(count * 4)
  ;[...(images.data as Int32Array)].forEach((image, n) => {
    for (let i = 0; i < 4; i++) pixels[4 * n + i] = split.images[4 * image + i] / 255
  })
  const again = await square({ eps: 0.2, queries: 20 }).run(model, pixels, labels.data as Int32Array, {
    sampleIds: images.data as Int32Array,
  })
  expect(adversarial.data).toEqual(again.adversarial)
  expect(robust.data).toEqual(again.robust)
  expect(loss.data).toEqual(again.bestLoss)
  expect(tensors.get('queries')!.data).toEqual(again.queries)
  for (const other of ['distances', 'targets', 'hit']) expect(tensors.has(other)).toBe(false)
})

it('the file of a targeted run tells the classes wanted and which were reached', async () => {
  const attack = recorded(square({ eps: 0.2, queries: 20 }), model.inputShape)
  const images = Float32Array.from(split.images, pixel => pixel / 255)
  const { targets, hit } = await attack.run(model, images, split.labels, {
    targets: Int32Array.from(split.labels, label => 1 - label),
  })
  const file = join(folder, 'targeted.safetensors')
  await attack.save(file)
  const { tensors } = decodeSafetensors(await readFile(file), file)
  expect(tensors.get('targets')!.data).toEqual(targets)
  expect(tensors.get('hit')!.data).toEqual(hit)
})

it('the file of no images is a file all the same', async () => {
  const file = join(folder, 'none.safetensors')
  await recorded(square({ eps: 0.2 }), model.inputShape).save(file)
  const { tensors } = decodeSafetensors(await readFile(file), file)
  expect(tensors.get('adversarial')!.shape).toEqual([0, 1, 1, 4])
})

it('a folder that does not exist is a ConfigError', async () => {
  const attack = recorded(square({ eps: 0.2 }), model.inputShape)
  await expect(attack.save(join(folder, 'none', 'a.safetensors'))).rejects.toThrow(ConfigError)
})
