// Steps of projected-gradient attacks that are replayed: the bits of those that run each time.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { InnerAttackBatch } from '../../src/attacks/frame/inner-attack.ts'
import { fgsm, fgsmRs, pgd } from '../../src/attacks/index.ts'
import { addon } from '../../src/native/addon.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import type { Network } from '../../src/nn/network.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { changed, images, labels, trainedNetwork } from './trained-network.ts'

const network = await trainedNetwork()
const { device } = network
const options = { seed: 3, batchSize: 9 }
const eps = 0.15

/** The same network, which does not say that it can be recorded. */
const eager = changed(network, logits => logits)

afterEach(() => vi.restoreAllMocks())

describe('an attack by replay gives the bits of one that runs each step', () => {
  network.mode = 'eval'
  it.each([
    ['pgd', pgd({ eps, steps: 6 }), {}],
    ['pgd in L2', pgd({ eps: 1, norm: 'l2', steps: 6 }), {}],
    ['pgd from the image', pgd({ eps, steps: 5, randomStart: false }), {}],
    ['pgd with restarts', pgd({ eps, steps: 4, restarts: 3 }), {}],
    ['pgd of those still right', pgd({ eps, steps: 5, onlyCorrect: true }), {}],
    ['targeted pgd', pgd({ eps, steps: 5 }), { targets: labels.map(label => (label + 1) % 4) }],
    [
      'targeted pgd of those not yet there',
      pgd({ eps, steps: 5, onlyCorrect: true }),
      { targets: 'least-likely' as const },
    ],
    ['fgsm', fgsm({ eps }), {}],
    ['fgsm-rs', fgsmRs({ eps }), {}],
  ])('%s, the last batch smaller', async (_, attack, more) => {
    const replays = vi.spyOn(addon(), 'replay')
    const recorded = await attack.run(network, images, labels, { ...options, ...more })
    expect(replays).toHaveBeenCalled()
    replays.mockClear()
    const each = await attack.run(eager, images, labels, { ...options, ...more })
    expect(replays).not.toHaveBeenCalled()
    expect(recorded).toEqual(each)
  })
})

const batch = (count: number): InnerAttackBatch => ({
  images: tensor(images.slice(0, count * 64), [count, 1, 8, 8], { device }),
  labels: tensor(labels.slice(0, count), [count], { dtype: 'i32', device }),
  sampleIds: tensor(
    Int32Array.from({ length: count }, (_, i) => i),
    [count],
    { dtype: 'i32', device },
  ),
  seed: 1,
  epoch: 0,
})

async function statistics(of: Network): Promise<number[]> {
  const values: number[] = []
  for (const { runningMean, runningVar } of of.batchNorms) {
    values.push(...(await runningMean.data()), ...(await runningVar.data()))
  }
  return values
}

describe('inside a training run', () => {
  it.each(['train', 'eval'] as const)('the running statistics move as without replays: %s', async mode => {
    const [one, other] = [await trainedNetwork(device), await trainedNetwork(device)]
    const moved: number[][] = []
    for (const [model, asModel] of [
      [one, one],
      [other, changed(other, logits => logits)],
    ] as [Network, Classifier][]) {
      model.mode = mode
      const session = pgd({ eps, steps: 4 }).session()
      const found: number[] = []
      for (const size of [16, 16, 5, 16]) {
        using x = await session.adversarial(asModel, batch(size))
        found.push(...(await x.data()))
      }
      session.dispose!()
      moved.push([...found, ...(await statistics(model))])
    }
    expect(moved[0]).toEqual(moved[1])
  })

  it('the mode and the masks that change between batches are noticed', async () => {
    const session = pgd({ eps, steps: 4, randomStart: false }).session()
    const layer = network.convolutions[0]!
    const inTurn = async (model: Classifier) => {
      const found: number[][] = []
      for (const change of [
        () => {},
        () => {
          layer.mask = ops.topkMask(layer.weight, Math.floor(layer.weight.size / 2))
        },
        () => {
          network.mode = 'train'
        },
        () => {
          network.mode = 'eval'
          layer.mask = null
        },
      ]) {
        change()
        using x = await session.adversarial(model, batch(8))
        found.push([...(await x.data())])
      }
      return found
    }
    // Training mode changes the statistics, so that both start from the same ones.
    const held = await Promise.all(
      network.batchNorms.map(async n => [await n.runningMean.data(), await n.runningVar.data()] as const),
    )
    const restore = () => {
      for (const [i, n] of network.batchNorms.entries()) n.setRunning(...held[i]!)
    }
    const replayed = await inTurn(network)
    restore()
    expect(replayed).toEqual(await inTurn(eager))
    restore()
    expect(replayed[0]).not.toEqual(replayed[1])
    expect(replayed[0]).not.toEqual(replayed[2])
    session.dispose!()
  })

  it('a step of a recorded attack is one call into native code', async () => {
    network.mode = 'eval'
    const session = pgd({ eps, steps: 8 }).session()
    const given = batch(8)
    ;(await session.adversarial(network, given)).dispose()
    const native = addon()
    const [run, replay] = [vi.spyOn(native, 'run'), vi.spyOn(native, 'replay')]
    ;(await session.adversarial(network, given)).dispose()
    // The random start, then the steps.
    expect(run).toHaveBeenCalledTimes(1)
    expect(replay).toHaveBeenCalledTimes(8)
    session.dispose!()
  })
})

describe('a model of another make', () => {
  it('that draws in JavaScript is asked at every step', async () => {
    let calls = 0
    const drawing: Classifier = {
      ...eager,
      logits: x => ops.scale(network.logits(x), 1 + 0.1 * (calls++ % 2)),
    }
    await pgd({ eps, steps: 5 }).run(drawing, images.slice(0, 64 * 8), labels.slice(0, 8), {})
    // Of the image, of each step, and of what was found.
    expect(calls).toBe(7)
  })

  it('that names its calls is recorded, and told where it keeps tensors', async () => {
    let calls = 0
    const named: Classifier = {
      ...eager,
      recordingKey: 'a',
      logits: x => {
        calls++
        return network.logits(x)
      },
    }
    const found = await pgd({ eps, steps: 5 }).run(named, images.slice(0, 64 * 8), labels.slice(0, 8), {})
    expect(calls).toBe(4)
    const each = await pgd({ eps, steps: 5 }).run(eager, images.slice(0, 64 * 8), labels.slice(0, 8), {})
    expect(found).toEqual(each)
  })
})
