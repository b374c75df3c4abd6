import { mkdir, mkdtemp, rm, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cifar100Classes } from '../../src/data/class-names.ts'
import { datasets } from '../../src/data/datasets.ts'
import { ConfigError, DatasetError } from '../../src/errors.ts'
import { cifar10Names, cifarRecords, idxImages, idxLabels, writeCifar10, writeIdx } from './synthetic.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rst-data-'))
})
afterEach(() => rm(dir, { recursive: true }))

async function datasetError(promise: Promise<unknown>): Promise<DatasetError> {
  const error = await promise.then(
    () => expect.unreachable('no error was thrown'),
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(DatasetError)
  return error as DatasetError
}

describe('CIFAR-10', () => {
  it('is read in file order', async () => {
    await writeCifar10(dir)
    const { train, test, info } = await datasets.cifar10({ dir })
    expect(train.size).toBe(20)
    expect(test.size).toBe(4)
    expect([...train.labels.slice(0, 8)]).toEqual([0, 1, 2, 3, 1, 2, 3, 4])
    expect([...test.labels]).toEqual([5, 6, 7, 8])
    for (let i = 0; i < train.size; i++) {
      expect(new Set(train.images.subarray(i * 3072, (i + 1) * 3072))).toEqual(new Set([i % 4]))
    }
    expect(info).toMatchObject({
      name: 'cifar10',
      classes: 10,
      channels: 3,
      height: 32,
      width: 32,
      flip: true,
    })
  })

  it('is found in the folder that its archive unpacks to', async () => {
    await writeCifar10(join(dir, 'cifar-10-batches-bin'))
    expect((await datasets.open('cifar10', dir)).test.size).toBe(4)
  })

  it('that is missing tells how to get it', async () => {
    const error = await datasetError(datasets.cifar10({ dir: join(dir, 'none') }))
    expect(error.file).toBe(join(dir, 'none'))
    expect(error.message).toContain('https://www.cs.toronto.edu/~kriz/cifar.html')
  })

  it('with a file missing names it', async () => {
    await writeCifar10(dir)
    await unlink(join(dir, 'data_batch_3.bin'))
    const error = await datasetError(datasets.cifar10({ dir }))
    expect(error.message).toBe(
      `Cannot read ${join(dir, 'data_batch_3.bin')}: there is no such file, nor data_batch_3.bin.gz beside it.`,
    )
  })

  it('cut short names file and offset', async () => {
    await writeCifar10(dir)
    const file = join(dir, 'data_batch_2.bin')
    await truncate(file, 2 * 3073 + 5)
    const error = await datasetError(datasets.cifar10({ dir }))
    expect(error).toMatchObject({ file, offset: 2 * 3073 + 5 })
    expect(error.message).toContain('is cut short')
    await truncate(file, 0)
    expect((await datasetError(datasets.cifar10({ dir }))).offset).toBe(0)
  })

  it('too long names file and offset', async () => {
    await writeCifar10(dir)
    const file = join(dir, 'test_batch.bin')
    await truncate(file, 10_000 * 3073 + 1)
    const error = await datasetError(datasets.cifar10({ dir }))
    expect(error).toMatchObject({ file, offset: 10_000 * 3073 })
    expect(error.message).toContain('is too long')
  })

  it('with a label out of range names file and offset', async () => {
    await writeCifar10(dir)
    const file = join(dir, 'data_batch_5.bin')
    await writeFile(
      file,
      cifarRecords(600, i => [i === 555 ? 10 : 9]),
    )
    const error = await datasetError(datasets.cifar10({ dir }))
    expect(error).toMatchObject({ file, offset: 555 * 3073 })
    expect(error.message).toContain('label 10')
  })

  it('with a folder in place of a file is refused', async () => {
    await writeCifar10(dir)
    await rm(join(dir, cifar10Names[0]))
    await mkdir(join(dir, cifar10Names[0]))
    expect((await datasetError(datasets.cifar10({ dir }))).file).toBe(join(dir, cifar10Names[0]))
  })
})

describe('CIFAR-100', () => {
  it('has the fine labels', async () => {
    await writeFile(
      join(dir, 'train.bin'),
      cifarRecords(7, i => [i, 90 + i]),
    )
    await writeFile(
      join(dir, 'test.bin'),
      cifarRecords(3, i => [19, i]),
    )
    const { train, test } = await datasets.cifar100({ dir })
    expect([...train.labels]).toEqual([90, 91, 92, 93, 94, 95, 96])
    expect([...test.labels]).toEqual([0, 1, 2])
    expect(train.images[6 * 3072]).toBe(6)
  })

  it('with a label out of range names the offset of the fine label', async () => {
    await writeFile(
      join(dir, 'train.bin'),
      cifarRecords(2, i => [0, 100 * i]),
    )
    await writeFile(
      join(dir, 'test.bin'),
      cifarRecords(2, () => [0, 0]),
    )
    expect((await datasetError(datasets.cifar100({ dir }))).offset).toBe(3074 + 1)
  })

  it('has 100 classes in alphabetical order', () => {
    expect(cifar100Classes).toHaveLength(100)
    expect([...cifar100Classes].sort()).toEqual(cifar100Classes)
  })
})

describe('MNIST', () => {
  it.each([false, true])('is read from IDX files, gzipped: %s', async gz => {
    await writeIdx(dir, gz)
    for (const { train, test, info } of [
      await datasets.mnist({ dir }),
      await datasets.fashionMnist({ dir }),
    ]) {
      expect([train.size, test.size, info.channels]).toEqual([30, 20, 1])
      expect([...train.labels.slice(8, 12)]).toEqual([8, 9, 0, 1])
      expect(train.images).toHaveLength(30 * 784)
      expect(new Set(train.images.subarray(29 * 784))).toEqual(new Set([29]))
    }
  })

  const damaged = async (name: string, bytes: Uint8Array) => {
    await writeIdx(dir)
    await writeFile(join(dir, name), bytes)
    const error = await datasetError(datasets.mnist({ dir }))
    expect(error.file).toBe(join(dir, name))
    return error
  }
  const images = 'train-images-idx3-ubyte'
  const labels = 'train-labels-idx1-ubyte'

  it('refuses a wrong magic number', async () => {
    const error = await damaged(images, idxLabels(3000))
    expect(error.offset).toBe(0)
    expect(error.message).toContain('starts with 0x00000801: expected 0x00000803')
    expect((await damaged(labels, idxImages(30))).message).toContain('expected 0x00000801')
  })

  it('refuses images of another size', async () => {
    const bytes = idxImages(30)
    bytes[11] = 32
    expect((await damaged(images, bytes)).offset).toBe(8)
  })

  it('refuses counts that cannot be', async () => {
    expect((await damaged(images, idxImages(30, 0xffffffff))).offset).toBe(4)
    expect((await damaged(labels, idxLabels(30, 0))).offset).toBe(4)
  })

  it('refuses a file cut short or too long', async () => {
    const short = await damaged(images, idxImages(30).subarray(0, 1000))
    expect(short.offset).toBe(1000)
    expect(short.message).toContain(`promises ${16 + 30 * 784} bytes but it has 1000`)
    expect((await damaged(images, idxImages(30).subarray(0, 10))).message).toContain('a header of 16 bytes')
    expect((await damaged(images, idxImages(30, 29))).offset).toBe(16 + 29 * 784)
  })

  it('refuses a label out of range', async () => {
    const bytes = idxLabels(30)
    bytes[8 + 17] = 11
    const error = await damaged(labels, bytes)
    expect(error.offset).toBe(25)
    expect(error.message).toContain('label 11')
  })

  it('refuses as many labels as there are not images', async () => {
    expect((await damaged(labels, idxLabels(29))).message).toContain('29 labels')
  })

  it('refuses a gzip file that is damaged or cut short', async () => {
    await writeIdx(dir, true)
    const file = join(dir, `${images}.gz`)
    await writeFile(file, gzipSync(idxImages(30)).subarray(0, 60))
    expect((await datasetError(datasets.mnist({ dir }))).message).toContain('not a whole gzip file')
    const bytes = gzipSync(idxImages(30))
    bytes[bytes.length - 6] ^= 1
    await writeFile(file, bytes)
    expect((await datasetError(datasets.mnist({ dir }))).message).toContain('not a whole gzip file')
  })

  it('with a file missing names it', async () => {
    await writeIdx(dir)
    await unlink(join(dir, labels))
    expect((await datasetError(datasets.mnist({ dir }))).message).toContain(`nor ${labels}.gz beside it`)
  })
})

describe('datasets', () => {
  it('lists every data set with the way to get it', () => {
    const all = datasets.list()
    expect(all.map(entry => entry.name)).toEqual(['cifar10', 'cifar100', 'mnist', 'fashion-mnist'])
    for (const { howToGet } of all) expect(howToGet).toMatch(/https:/)
    expect(all[3].howToGet).toContain('apt-get install dataset-fashion-mnist')
  })

  it('refuses an unknown name and offers the nearest', async () => {
    await expect(datasets.open('cifar-10')).rejects.toThrow(ConfigError)
    await expect(datasets.open('cifar-10')).rejects.toThrow('did you mean cifar10?')
    await expect(datasets.open('constructor')).rejects.toThrow(ConfigError)
  })

  it('locates a folder, or none', async () => {
    expect(await datasets.locate('mnist', dir)).toBeUndefined()
    await writeIdx(dir)
    expect(await datasets.locate('mnist', dir)).toBe(dir)
  })
})
