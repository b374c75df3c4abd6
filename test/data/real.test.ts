// The real data sets, where they are installed.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, open, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, expect, it } from 'vitest'
import type { Dataset } from '../../src/data/dataset.ts'
import { datasets } from '../../src/data/datasets.ts'

function installed(folder: string): boolean {
  const found = existsSync(folder)
  if (!found) console.warn(`skipped: ${folder} is not there`)
  return found
}

/** Mean and standard deviation of each channel's training pixels in [0, 1]. */
function statistics({ train, info }: Dataset): { mean: number[]; std: number[] } {
  const plane = info.height * info.width
  const sums = new Array(info.channels).fill(0)
  const squares = new Array(info.channels).fill(0)
  for (let start = 0, channel = 0; start < train.images.length; start += plane, channel++) {
    for (let i = start; i < start + plane; i++) {
      sums[channel % info.channels] += train.images[i]
      squares[channel % info.channels] += train.images[i] ** 2
    }
  }
  const count = train.size * plane * 255
  const mean = sums.map(sum => sum / count)
  return { mean, std: squares.map((square, c) => Math.sqrt(square / (count * 255) - mean[c] ** 2)) }
}

async function readAndCheck(open: () => Promise<Dataset>, train: number, test: number): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const data = await open()
  delay.disable()
  expect([data.train.size, data.test.size]).toEqual([train, test])
  const counts = new Array(data.info.classes).fill(0)
  for (const label of data.test.labels) counts[label]++
  expect(new Set(counts)).toEqual(new Set([test / data.info.classes]))
  const { mean, std } = statistics(data)
  for (let c = 0; c < data.info.channels; c++) {
    expect(mean[c]).toBeCloseTo(data.info.mean[c], 3)
    expect(std[c]).toBeCloseTo(data.info.std[c], 3)
  }
  console.info(`${data.info.name}: event loop held for at most ${(delay.max / 1e6).toFixed(1)} ms`)
}

describe('the real', () => {
  it.skipIf(!installed('data/cifar-10-batches-bin'))('CIFAR-10', () =>
    readAndCheck(() => datasets.cifar10(), 50_000, 10_000),
  )

  it.skipIf(!installed('/usr/share/datasets/fashion-mnist'))('Fashion-MNIST', () =>
    readAndCheck(() => datasets.fashionMnist({ dir: '/usr/share/datasets/fashion-mnist' }), 60_000, 10_000),
  )

  it.skipIf(!installed('/usr/share/datasets/fashion-mnist'))('Fashion-MNIST is verified', async () => {
    const verified = await datasets.verify('fashion-mnist', '/usr/share/datasets/fashion-mnist')
    expect(verified).toMatchObject({
      dataset: 'fashion-mnist',
      train: { images: 60_000 },
      mean: [expect.closeTo(0.286, 3)],
    })
    expect(verified.files.map(({ images }) => images)).toEqual([60_000, 60_000, 10_000, 10_000])
  })

  const mosaics = '../shared/data/unpack.py'
  it.skipIf(!installed(mosaics))('CIFAR is verified, and refused once it is damaged', async context => {
    const dir = await mkdtemp(join(tmpdir(), 'rst-real-'))
    try {
      const { status, stderr } = spawnSync('python3', [mosaics, dir], { encoding: 'utf8' })
      if (status !== 0) context.skip(`unpack.py failed: ${stderr}`)
      expect(await datasets.verify('cifar10', dir)).toMatchObject({ train: { images: 50_000 } })
      expect((await datasets.cifar100({ dir })).test.size).toBe(10_000)
      await expect(datasets.verify('cifar100', dir)).rejects.toThrow('of the official 50000')
      const batch = join(dir, 'cifar-10-batches-bin', 'data_batch_3.bin')
      const file = await open(batch, 'r+')
      const label = Buffer.alloc(1)
      await file.read(label, 0, 1, 3073)
      await file.write(Buffer.of((label[0] + 1) % 10), 0, 1, 3073)
      await file.close()
      await expect(datasets.verify('cifar10', dir)).rejects.toThrow('The labels in')
      await truncate(batch, 9_000 * 3073)
      for (const read of [datasets.verify, datasets.open]) {
        await expect(read('cifar10', dir)).rejects.toThrow(`${batch} is cut short`)
      }
    } finally {
      await rm(dir, { recursive: true })
    }
  })
})
