// Runs in a context of node:vm (realms.test.ts): what the addon returns and throws is of another realm.

import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import * as rst from '../../src/index.ts'
import { stripes } from '../training/synthetic-dataset.ts'

it('runs in another realm than the addon', () => {
  // Node's own functions belong to the outer realm.
  let error: unknown
  try {
    writeFileSync('/nowhere/at/all', '')
  } catch (caught) {
    error = caught
  }
  expect(error instanceof Error).toBe(false)
})

it('gets typed errors, thrown and rejected', async () => {
  const device = new rst.Device({ threads: 1, memoryLimit: 1 << 20 })
  const small = rst.tensor([1, 2], [2], { device })
  expect(() => rst.ops.add(small, rst.tensor([1], [1], { device }))).toThrow(rst.ShapeError)
  expect(() => rst.ops.topkMask(small, 5)).toThrow(rst.ConfigError)
  const large = rst.ops.full([1 << 20], 1, device)
  await expect(large.data()).rejects.toThrow(rst.OutOfMemoryError)
  await expect(large.data()).rejects.toMatchObject({ code: 'ERR_RST_OUT_OF_MEMORY' })
  device.dispose()
  await expect(device.synchronize()).rejects.toThrow(rst.DeviceError)
  await expect(small.data()).rejects.toThrow(rst.DeviceError)
})

it('takes arrays of the outer realm and its own, and disposes with `using`', async () => {
  const outer = Buffer.from([1, 2, 3])
  using bytes = rst.tensor(outer, [3], { dtype: 'u8' })
  expect([...(await bytes.data())]).toEqual([1, 2, 3])
  using floats = await rst.upload(new Float32Array([4, 5]))
  expect(await floats.data()).toEqual(new Float32Array([4, 5]))
})

it('attacks', async () => {
  const weight = rst.tensor(
    Array.from({ length: 48 }, (_, i) => Math.sin(i)),
    [3, 16],
  )
  const model: rst.Classifier = {
    numClasses: 3,
    inputShape: [1, 4, 4],
    logits: x => rst.ops.linear(rst.ops.reshape(x, [-1, 16]), weight),
  }
  const images = new Float32Array(32).fill(0.5)
  for (const attack of [
    rst.attacks.pgd({ eps: 0.1, stepSize: 0.05, steps: 3 }),
    rst.attacks.apgd({ loss: 'ce', norm: 'linf', eps: 0.1, steps: 3 }),
    rst.attacks.square({ norm: 'linf', eps: 0.1, queries: 5 }),
  ]) {
    const { adversarial } = await attack.run(model, images, [0, 1], { seed: 0 })
    expect(adversarial.length).toBe(32)
  }
})

it('searches, saves and loads', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rst-realm-'))
  try {
    const { ticket } = await rst.searchRST({
      arch: rst.models.names[0]!,
      width: 0.0625,
      data: stripes({ channels: 3, size: 16, train: 32, test: 8 }),
      remainingRatio: 0.5,
      inner: null,
      epochs: 1,
      batchSize: 16,
      seed: 0,
    })
    const file = join(folder, 'ticket.safetensors')
    await ticket.save(file)
    const loaded = await rst.loadTicket(file)
    const pixels = new Float32Array(3 * 16 * 16).fill(0.5)
    expect(await loaded.predict(pixels)).toEqual(await ticket.predict(pixels))
    await expect(rst.loadTicket(join(folder, 'none'))).rejects.toThrow(rst.TicketError)
    ticket.dispose()
    loaded.dispose()
  } finally {
    await rm(folder, { recursive: true })
  }
})
