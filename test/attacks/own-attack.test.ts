// Attacks by others: written with what the package exports, they get all that the frame gives its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { momentumFgsm } from '../../examples/write-an-attack.ts'
import * as rst from '../../src/index.ts'

const { attackFrame, ops } = rst
const size = 12
const weights = rst.tensor(
  Float32Array.from({ length: 5 * size }, (_, i) => Math.sin(3 * i + i * i)),
  [5, size],
)
const model: rst.Classifier = {
  numClasses: 5,
  inputShape: [3, 2, 2],
  logits: x => ops.linear(ops.reshape(x, [-1, size]), weights),
}
const count = 6
const images = Float32Array.from({ length: count * size }, (_, i) => 0.5 + 0.4 * Math.cos(7 * i))
const labels = Int32Array.from({ length: count }, (_, n) => n % 5)
const eps = 0.1
const attack = momentumFgsm({ eps, steps: 5 })

/** A journal in memory, and how often it was asked to write. */
function journal(): rst.Journal & { readonly kept: Map<string, rst.BatchOutcome> } {
  const kept = new Map<string, rst.BatchOutcome>()
  return {
    kept,
    read: async key => kept.get(key),
    write: async (key, _, outcome) => {
      kept.set(key, outcome)
    },
  }
}

describe('an attack from outside', () => {
  it('finds the same for any batch size, in the ball and the box, and its passes are counted', async () => {
    const [one, all] = [
      await attack.run(model, images, labels, { batchSize: 1, seed: 3 }),
      await attack.run(model, images, labels, { batchSize: count, seed: 3 }),
    ]
    expect(one).toEqual(all)
    expect(all.warnings).toEqual([])
    expect([...all.robust]).toContain(0)
    expect(all.adversarial).not.toEqual(images)
    expect(Math.max(...all.adversarial.map((v, i) => Math.abs(v - images[i])))).toBeLessThanOrEqual(
      eps + 1e-6,
    )
    expect(all).toMatchObject({ forwards: count * 7, backwards: count * 5 })
    expect(attack.passes!(5)).toEqual({ forwards: 7, backwards: 5 })
    const other = await attack.run(model, images, labels, { seed: 4 })
    expect(other.adversarial).not.toEqual(all.adversarial)
  })

  it('is targeted where the run is', async () => {
    const strong = momentumFgsm({ eps: 1, steps: 20 })
    const { hit, targets, robust } = await strong.run(model, images, labels, { targets: 'least-likely' })
    expect(targets).toHaveLength(count)
    expect(hit!.some((flag, n) => flag === 1 && robust[n] === 0)).toBe(true)
  })

  it('resumes from its journal to the same result', async () => {
    const whole = await attack.run(model, images, labels, { batchSize: 2 })
    const kept = journal()
    const controller = new AbortController()
    const stopped = attack.run(model, images, labels, {
      batchSize: 2,
      journal: kept,
      signal: controller.signal,
      onProgress: ({ images: done }) => {
        if (done >= 4) controller.abort()
      },
    })
    await expect(stopped).rejects.toThrow(rst.AbortError)
    expect(kept.kept.size).toBe(2)
    expect(await attack.run(model, images, labels, { batchSize: 2, journal: kept })).toEqual(whole)
  })

  it('is verified and named by evaluate, which resumes it in a run folder', async () => {
    const part = { images: Uint8Array.from(images, v => Math.round(255 * v)), labels }
    const shape = [3, 2, 2] as const
    const split = rst.datasets.fromArrays({ name: 'own', classes: 5, shape, train: part, test: part }).test
    const folder = await mkdtemp(join(tmpdir(), 'rst-own-'))
    try {
      const options = { attacks: [attack, rst.attacks.pgd({ eps, steps: 5 })], batchSize: 2, seed: 5 }
      const whole = await rst.evaluate(model, split, options)
      expect(whole.provenance.attacks[0]).toEqual({
        name: 'mi-fgsm',
        norm: 'linf',
        eps,
        seed: 5,
        settings: { eps, norm: 'linf', steps: 5, decay: 1 },
      })
      expect(whole.attacks[0]).toMatchObject({ name: 'mi-fgsm', failedChecks: 0, warnings: [] })
      const runDir = join(folder, 'run')
      const failing = rst.evaluate(model, split, {
        ...options,
        runDir,
        onComplete: () => Promise.reject(new Error('full')),
      })
      await expect(failing).rejects.toThrow('full')
      const resumed = await rst.evaluate(model, split, { ...options, runDir, resume: true })
      expect(resumed.attacks[0].brokenBy).toEqual(whole.attacks[0].brokenBy)
      expect(resumed.attacks[0].perImage).toEqual(whole.attacks[0].perImage)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('on the device, by ascent on a loss of its own, does what PGD does', async () => {
    const threat = attackFrame.threatModel({ eps })
    const steps = 4
    const mine = attackFrame.hostAttack({
      name: 'mine',
      threat,
      passes: () => ({ forwards: steps + 2, backwards: steps }),
      async attackBatch(oracle, batch) {
        using x0 = oracle.upload(batch.images)
        using theirs = rst.tensor(batch.labels, [batch.count], { dtype: 'i32' })
        using sampleIds = rst.tensor(batch.sampleIds, [batch.count], { dtype: 'i32' })
        const gradientAt = (x: rst.Tensor) => {
          const found = rst.grad(() => ops.crossEntropy(model.logits(x), theirs), [x])
          found.value.dispose()
          oracle.passed({ forwards: batch.count, backwards: batch.count })
          return { gradient: found.gradients[0] }
        }
        using x = await attackFrame.projectedAscent(
          gradientAt,
          { images: x0, sampleIds, seed: batch.seed, step: 0, signal: oracle.signal },
          { threat, stepSize: eps / 4, steps, randomStart: null },
        )
        return { adversarial: await x.data(), bestLoss: new Float64Array(batch.count) }
      },
    })
    const { inUse } = rst.Device.default.memory()
    const found = await mine.run(model, images, labels)
    expect(rst.Device.default.memory().inUse).toBe(inUse)
    const pgd = await rst.attacks.pgd({ eps, steps, randomStart: false }).run(model, images, labels)
    expect(found.adversarial).toEqual(pgd.adversarial)
    expect(found.robust).toEqual(pgd.robust)
    expect(found).toMatchObject({ forwards: count * (steps + 2), backwards: count * steps })
  })
})

describe('the frame', () => {
  const spec = (attackBatch: rst.HostAttackSpec['attackBatch'], eps = 0.1): rst.HostAttackSpec => ({
    name: 'odd',
    threat: attackFrame.threatModel({ eps }),
    passes: () => ({ forwards: 2, backwards: 0 }),
    attackBatch,
  })

  it('puts back what left the ball, and says so', async () => {
    const leaving = attackFrame.hostAttack(
      spec(async (_, { images: x, count: n }) => ({
        adversarial: x.map(v => 1 - v),
        bestLoss: new Float64Array(n),
      })),
    )
    const { adversarial, warnings } = await leaving.run(model, images, labels)
    expect(warnings.map(({ code }) => code)).toEqual(['outside-threat-model'])
    expect(adversarial.subarray(0, size)).toEqual(images.subarray(0, size))
  })

  it.each([
    [
      'nothing',
      undefined,
      /adversarial images, a Float32Array of 72, from the attack odd but received nothing/,
    ],
    ['too few images', { adversarial: new Float32Array(3) }, /Float32Array of 72.*Float32Array of 3/],
    ['no losses', { adversarial: images }, /6 values of bestLoss.*received nothing/],
    ['too many queries', { adversarial: images, bestLoss: labels, queries: [1] }, /6 values of queries/],
  ])('refuses a result of %s', async (_, result, message) => {
    const odd = attackFrame.hostAttack(spec(async () => result as never))
    await expect(odd.run(model, images, labels)).rejects.toThrow(message)
    await expect(odd.run(model, images, labels)).rejects.toThrow(rst.ShapeError)
  })

  it('draws for each image and attack apart, whatever the batch', () => {
    const batch = { count: 2, images, labels, sampleIds: Int32Array.of(4, 9), seed: 1 }
    const first = (attack: string, n: number, run = 0) => attackFrame.drawsOf(attack, batch, n, run).uniform()
    const draws = [first('a', 0), first('a', 1), first('b', 0), first('a', 0, 1)]
    expect(new Set(draws).size).toBe(4)
    const alone = { ...batch, count: 1, sampleIds: Int32Array.of(9) }
    expect(attackFrame.drawsOf('a', alone, 0).uniform()).toBe(draws[1])
    expect(() => attackFrame.drawsOf('a', batch, 0, 1024)).toThrow(rst.ConfigError)
  })

  it.each(['linf', 'l2'] as const)(
    'projects into the %s ball and the box, and leaves what is inside',
    norm => {
      const threat = attackFrame.threatModel({ eps: 0.25, norm })
      const original = Float32Array.of(0.1, 0.5, 0.9)
      const point = Float32Array.of(-1, 0.6, 3)
      attackFrame.project(point, original, threat)
      const distance =
        norm === 'linf'
          ? Math.max(...point.map((v, i) => Math.abs(v - original[i])))
          : Math.hypot(...point.map((v, i) => v - original[i]))
      expect(distance).toBeLessThanOrEqual(0.25 + 1e-6)
      expect(Math.min(...point)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...point)).toBeLessThanOrEqual(1)
      const again = point.slice()
      attackFrame.project(again, original, threat)
      expect(again.every((v, i) => Math.abs(v - point[i]) < 1e-6)).toBe(true)
      const inside = Float32Array.of(0.15, 0.45, 0.95)
      attackFrame.project(inside, original, threat)
      expect(inside).toEqual(Float32Array.of(0.15, 0.45, 0.95))
    },
  )
})
