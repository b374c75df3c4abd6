// What only a longer run shows: memory that grows, and an event loop that waits.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, it } from 'vitest'
import { pgd } from '../../src/attacks/index.ts'
import { Device } from '../../src/tensor/device.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'

it('memory stays flat over 300 search steps: below 5 % more after the first 20', async () => {
  const device = new Device({ threads: 2 })
  const data = stripes({ size: 16, train: 300 })
  const search = (epochs: number, onProgress?: () => void) =>
    searchRST({
      arch: 'conv2',
      width: 0.1,
      data,
      remainingRatio: 0.3,
      inner: pgd({ eps: 0.05, steps: 2 }),
      epochs,
      selectOn: 'last',
      batchSize: 30,
      device,
      onProgress,
    })
  const warmUp = await search(40)
  warmUp.ticket.dispose()

  const native: number[] = []
  const resident: number[] = []
  const { ticket } = await search(30, () => {
    const { inUse, cached } = device.memory()
    native.push(inUse + cached)
    // V8 lets its heap grow and shrink by a third of this small process as it likes.
    const { rss, heapTotal } = process.memoryUsage()
    resident.push(rss - heapTotal)
  })
  expect(resident).toHaveLength(300)
  const after20 = (series: number[]) => Math.max(...series.slice(15, 25))
  // The least of several steps: what leaks stays, what V8 and malloc hold for a while does not.
  const atEnd = (series: number[]) => Math.min(...series.slice(-50))
  // In so small a process some blocks depend on how far the worker runs ahead, and a few MB on what V8 compiles.
  const growth = (series: number[]) => atEnd(series) - 1.05 * after20(series)
  expect(growth(native)).toBeLessThan(2 ** 20)
  expect(growth(resident)).toBeLessThan(4 * 2 ** 20)
  ticket.dispose()
  await device.synchronize()
  expect(device.memory().inUse).toBe(0)
})

it('the event loop is never blocked for 50 ms during a search of a ResNet-18', async () => {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  let steps = 0
  const { ticket } = await searchRST({
    arch: 'resnet18-cifar',
    width: 0.25,
    data: stripes({ size: 32, channels: 3, train: 64 }),
    remainingRatio: 0.2,
    inner: pgd({ eps: 8 / 255, steps: 2 }),
    epochs: 2,
    batchSize: 32,
    // One thread computes, so that the event loop has a core of its own on two.
    device: new Device({ threads: 1 }),
    onProgress: () => {
      // The first step compiles this file's code and starts the worker.
      if (++steps === 1) delay.enable()
    },
  })
  delay.disable()
  ticket.dispose()
  expect(steps).toBe(4)
  expect(delay.max / 1e6).toBeLessThan(50)
})
