// What loadDense refuses, and how.
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatUint8Arrays } from 'typed-array-utils'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TicketError } from '../../src/errors.ts'
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from '../../src/files/safetensors.ts'
import { encodeSealed } from '../../src/files/sealed.ts'
import * as models from '../../src/models/index.ts'
import { layersOf } from '../../src/models/index.ts'
import { loadDense } from '../../src/saved/dense-model.ts'
import { Device } from '../../src/tensor/device.ts'
import { trainDense } from '../../src/training/dense.ts'
import { stripes } from '../training/synthetic-dataset.ts'

let folder: string
let bytes: Buffer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-dense-model-'))
  const data = stripes({ train: 16, test: 16 })
  const { model } = await trainDense({
    arch: 'conv2',
    width: 0.1,
    data,
    inner: null,
    epochs: 1,
    batchSize: 16,
  })
  await model.save(join(folder, 'model'))
  model.dispose()
  bytes = await readFile(join(folder, 'model'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Loads the model with what `change` makes of it, under a checksum that is right. */
async function loadChanged(change: (file: SafetensorsFile) => void) {
  const file = decodeSafetensors(Uint8Array.from(bytes), 'model')
  change(file)
  await writeFile(join(folder, 'changed'), concatUint8Arrays(...encodeSealed(file)))
  return loadDense(join(folder, 'changed'))
}

it('a model that is not changed loads', async () => {
  ;(await loadChanged(() => {})).dispose()
})

const set = (name: string, value: unknown) => (file: SafetensorsFile) => {
  file.metadata[name] = typeof value === 'string' ? value : JSON.stringify(value)
}
const put = (name: string, at: number, value: number) => (file: SafetensorsFile) => {
  file.tensors.get(name)!.data[at] = value
}
it.each<[string, (file: SafetensorsFile) => void]>([
  ['width', set('width', 1e9)],
  ['width', set('width', -1)],
  ['width', set('width', '['.repeat(1e5))],
  ['classes', set('classes', 1)],
  ['classes', set('classes', 2 ** 60)],
  ['arch', set('arch', 'constructor')],
  ['format', set('format', 'rst-dense/2')],
  ['imageSize', set('imageSize', [8])],
  ['normalisation', set('normalisation', { mean: [0, 0], std: [1, 1] })],
  ['normalisation', set('normalisation', { mean: [0], std: [0] })],
  ['recipe', set('recipe', '{"a":1,"a":2}')],
  // More than there is in the file: found before anything is made of that size.
  ['conv1.weight', set('width', 64)],
  ['linear.weight', set('classes', 1e9)],
  ['conv1.weight', set('arch', 'resnet50')],
  ['conv1.weight', put('conv1.weight', 3, Number.NaN)],
  ['conv2.weight', put('conv2.weight', 0, Number.POSITIVE_INFINITY)],
  ['bn1.running_mean', put('bn1.running_mean', 1, Number.NEGATIVE_INFINITY)],
  ['bn2.running_var', put('bn2.running_var', 2, -1)],
  ['conv1.weight', file => file.tensors.delete('conv1.weight')],
  ['more', file => file.tensors.set('more', { dtype: 'F32', shape: [0], data: new Float32Array(0) })],
])('loadDense names %s', async (field, change) => {
  const error = await loadChanged(change).catch(e => e)
  expect(error).toBeInstanceOf(TicketError)
  expect(error.field).toBe(field)
  expect(error.message).toContain(join(folder, 'changed'))
})

it('loadDense refuses a file without a checksum, saying that it is of an earlier version', async () => {
  const { metadata, tensors } = decodeSafetensors(Uint8Array.from(bytes), 'model')
  const { sha256: _, ...rest } = metadata
  await writeFile(join(folder, 'old'), concatUint8Arrays(...encodeSafetensors({ metadata: rest, tensors })))
  await expect(loadDense(join(folder, 'old'))).rejects.toThrow(
    expect.objectContaining({
      name: 'TicketError',
      field: 'sha256',
      message: expect.stringMatching(/earlier version of rst-native.*train the model again/),
    }),
  )
})

it('loadDense refuses what is no file, without waiting for it', async () => {
  await mkdir(join(folder, 'folder'))
  spawnSync('mkfifo', [join(folder, 'pipe')])
  for (const [path, reason] of [
    [join(folder, 'folder'), 'it is a folder'],
    [join(folder, 'pipe'), 'no regular file'],
    ['/dev/zero', 'no regular file'],
    [join(folder, 'none'), 'no such file'],
  ]) {
    const error = await loadDense(path).catch(e => e)
    expect(error).toBeInstanceOf(TicketError)
    expect(error.message).toContain(reason)
  }
})

it.each(models.names)('layersOf tells the layers that %s has', name => {
  const options = { classes: 7, inChannels: 2, imageSize: [32, 32] as [number, number], width: 0.07 }
  const device = new Device({ threads: 1 })
  const network = models.create(name, { ...options, mean: [0, 0], std: [1, 1], device })
  const { layers, batchNorms } = layersOf(name, options)
  expect(layers).toEqual(
    network.convolutions.map(({ spec: { name, weightShape, bias } }) => ({ name, weightShape, bias })),
  )
  expect(batchNorms).toEqual(network.batchNorms.map(({ spec }) => spec))
  network.dispose()
})
