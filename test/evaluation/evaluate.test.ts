import { describe, expect, it } from 'vitest'
import type { Attack, AttackResult } from '../../src/attacks/frame/attack.ts'
import { autoAttack, cwL2, fgsm, pgd, square } from '../../src/attacks/index.ts'
import type { Split } from '../../src/data/dataset.ts'
import { subset } from '../../src/data/subset.ts'
import { AbortError, ConfigError } from '../../src/errors.ts'
import { type Evaluation, evaluate } from '../../src/evaluation/evaluate.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

/** Three classes by brightness of a 2×2 image: logits (−m, 0.4·m − 0.2, 3·m − 1.45) of the mean m. */
function brightness(device = Device.default): Classifier & { device: Device } {
  const rows = [-1, 0.4, 3].flatMap(slope => new Array(4).fill(slope / 4))
  const weight = tensor(rows, [3, 4], { device })
  const bias = tensor([0, -0.2, -1.45], [3], { device })
  return { device, numClasses: 3, inputShape: [1, 2, 2], logits: x => ops.linear(x, weight, bias) }
}
const model = brightness()

const size = 60
const split: Split = {
  size,
  images: Uint8Array.from({ length: 4 * size }, (_, i) => (Math.floor(i / 4) * 41 + (i % 4) * 5) % 256),
  labels: Int32Array.from({ length: size }, (_, i) => i % 3),
}

/** The classes computed in double precision. */
function predicted({ images, size: count }: Split): number[] {
  return Array.from({ length: count }, (_, n) => {
    const mean = images.subarray(4 * n, 4 * n + 4).reduce((sum, v) => sum + v / 255, 0) / 4
    const logits = [-mean, 0.4 * mean - 0.2, 3 * mean - 1.45]
    return logits.indexOf(Math.max(...logits))
  })
}
const rightOf = (s: Split) => predicted(s).filter((c, n) => c === s.labels[n]).length

/** An attack that makes of each image what `change` says, and claims that all of them fool the model. */
function attackThat(change: (pixel: number) => number, eps = 0.1, norm: 'linf' | 'l2' = 'linf') {
  const seen: { labels: number[]; ids: number[] }[] = []
  const attack: Attack = {
    name: 'made up',
    eps,
    norm,
    async run(_, images, labels, options = {}): Promise<AttackResult> {
      seen.push({ labels: Array.from(labels), ids: Array.from(options.sampleIds!) })
      return {
        adversarial: Float32Array.from(images as Float32Array, change),
        robust: new Uint8Array(labels.length),
        bestLoss: new Float32Array(labels.length),
        forwards: 2 * labels.length,
        backwards: labels.length,
        warnings: [{ code: 'note', message: 'as the attack says' }],
      }
    },
  }
  return { attack, seen }
}

/** Without what differs from run to run. */
const untimed = (report: Evaluation) => ({
  ...report,
  seconds: 0,
  attacks: report.attacks.map(attack => ({ ...attack, seconds: 0 })),
})

describe('natural accuracy', () => {
  it('is the share of images whose argmax is the label, for any batch size and device', async () => {
    const expected = rightOf(split) / size
    expect(expected).toBeGreaterThan(0.2)
    expect(expected).toBeLessThan(0.8)
    for (const batchSize of [1, 7, 16, 256]) {
      expect(await evaluate(model, split, { batchSize })).toMatchObject({
        images: size,
        naturalAccuracy: expected,
        worstCaseAccuracy: expected,
        labels: split.labels,
        attacks: [],
      })
    }
    const elsewhere = await evaluate(brightness(new Device({ threads: 1 })), split)
    expect(elsewhere.naturalAccuracy).toBe(expected)
  })
})

describe('accuracy under attack', () => {
  it('is at most the natural one, falls with eps, and is the natural one at eps 0', async () => {
    const attacks = [0, 0.02, 0.1, 0.5].map(eps => pgd({ eps, steps: 5 }))
    const { naturalAccuracy, attacks: reports } = await evaluate(model, split, { attacks })
    const robust = reports.map(report => report.robustAccuracy)
    expect(robust[0]).toBe(naturalAccuracy)
    expect(robust).toEqual([...robust].sort((a, b) => b - a))
    expect(robust[3]).toBeLessThan(naturalAccuracy)
    expect(reports.map(({ name, eps, norm, warnings }) => ({ name, eps, norm, warnings }))).toEqual(
      [0, 0.02, 0.1, 0.5].map(eps => ({ name: 'pgd-5', eps, norm: 'linf', warnings: [] })),
    )
  })

  it('counts passes over the images attacked, which are those that are right naturally', async () => {
    const right = rightOf(split)
    const { attacks } = await evaluate(model, split, { attacks: [fgsm({ eps: 0.1 })], batchSize: 16 })
    // One step and its check; the checks of the evaluation are not among them.
    expect(attacks[0].forwards).toBe(2 * right)
    expect(attacks[0].backwards).toBe(right)
    const { attack, seen } = attackThat(v => v)
    await evaluate(model, split, { attacks: [attack], batchSize: 16 })
    const classes = predicted(split)
    const expected = Array.from({ length: size }, (_, n) => n).filter(n => classes[n] === split.labels[n])
    expect(seen.flatMap(({ ids }) => ids)).toEqual(expected)
    expect(seen.flatMap(({ labels }) => labels)).toEqual(expected.map(n => split.labels[n]))
  })

  it('does not depend on the batch size', async () => {
    const attacks = [pgd({ eps: 0.1, steps: 3 })]
    const whole = untimed(await evaluate(model, split, { attacks }))
    expect(untimed(await evaluate(model, split, { attacks, batchSize: 7 }))).toEqual(whole)
    expect(untimed(await evaluate(model, split, { attacks, batchSize: 1 }))).toEqual(whole)
  })

  it('says of each image which attack broke it, and how many withstand all', async () => {
    const attacks = [
      fgsm({ eps: 0.02 }),
      autoAttack({ eps: 0.1, version: 'custom', attacks: ['apgd-ce', 'square'] }),
    ]
    const report = await evaluate(model, split, { attacks, limit: 40, seed: 2 })
    const part = await subset(split, 40, 2)
    const classes = predicted(part)
    expect([...report.ids]).toEqual([...part.ids!])
    expect([...report.labels]).toEqual([...part.labels])
    const [single, series] = report.attacks
    for (const { brokenBy, robustAccuracy } of report.attacks) {
      expect(brokenBy.map(by => by === 'clean')).toEqual(classes.map((c, n) => c !== part.labels[n]))
      expect(brokenBy.filter(by => by === null).length / 40).toBe(robustAccuracy)
    }
    expect(new Set(single.brokenBy)).toEqual(new Set(['clean', 'fgsm', null]))
    expect(series.brokenBy).toContain('apgd-ce')
    expect(series.brokenBy).not.toContain('autoattack-custom')
    const both = single.brokenBy.filter((by, n) => by === null && series.brokenBy[n] === null)
    expect(report.worstCaseAccuracy).toBe(both.length / 40)
    const broken = (name: string) => series.brokenBy.filter(by => by === name).length
    expect(series.parts!.map(({ name, broken: count }) => [name, count])).toEqual(
      ['apgd-ce', 'square'].map(name => [name, broken(name)]),
    )
    expect(single.parts).toBeUndefined()
  })

  it('tells the largest norm, and the accuracy on images rounded to 8 bits', async () => {
    // Half a pixel level beyond each boundary is rounded back.
    const { attacks } = await evaluate(model, split, {
      attacks: [fgsm({ eps: 0.1 }), fgsm({ eps: 0.4 / 255 })],
    })
    expect(attacks[0].largestNorm).toBeCloseTo(0.1, 6)
    expect(attacks[1].largestNorm).toBeCloseTo(0.4 / 255, 6)
    expect(attacks[1].roundedAccuracy).toBe(rightOf(split) / size)
    expect(attacks[0].roundedAccuracy).toBeLessThan(rightOf(split) / size)
    expect(attacks.map(({ failedChecks }) => failedChecks)).toEqual([0, 0])
    const nearest = await evaluate(model, split, {
      attacks: [cwL2({ eps: Infinity, iterations: 50, searchSteps: 2 })],
    })
    expect(nearest.attacks[0].largestNorm).toBeGreaterThan(0)
    expect(nearest.attacks[0].largestNorm).toBeLessThan(2)
  })

  it('warns where a model answers at random, and does not blame the attack', async () => {
    let calls = 0
    const models = [brightness(), brightness()]
    const random = { ...model, randomized: true, logits: (x: Tensor) => models[calls++ % 2].logits(x) }
    const { attacks } = await evaluate(random, split, { attacks: [fgsm({ eps: 0.1 })] })
    expect(attacks[0].warnings.map(({ code }) => code)).toEqual(['single-draws'])
  })

  it('warns of a radius that is nearly that of 8/255', async () => {
    const codes = async (eps: number) =>
      (await evaluate(model, split, { attacks: [fgsm({ eps })] })).attacks[0].warnings.map(w => w.code)
    expect(await codes(0.031)).toEqual(['unusual-eps'])
    for (const eps of [8 / 255, 0.1, 0.3, 0.0627])
      expect(await codes(eps)).toEqual(eps === 0.0627 ? ['unusual-eps'] : [])
  })
})

describe('an attack is not taken at its word', () => {
  it('where its images do not fool the model', async () => {
    const { attack } = attackThat(v => v)
    const { naturalAccuracy, attacks } = await evaluate(model, split, { attacks: [attack] })
    expect(attacks[0].robustAccuracy).toBe(naturalAccuracy)
    expect(attacks[0].failedChecks).toBe(rightOf(split))
    expect(attacks[0].warnings.map(({ code }) => code)).toEqual(['note', 'unconfirmed'])
  })

  const faults: [string, Attack][] = [
    ['leave the L∞ ball', attackThat(v => (v > 0.5 ? v - 0.11 : v + 0.11)).attack],
    ['leave the L2 ball', attackThat(v => (v > 0.5 ? v - 0.06 : v + 0.06), 0.1, 'l2').attack],
    ['leave the box below', attackThat(() => -0.01, 1).attack],
    ['leave the box above', attackThat(() => 1.01, 1).attack],
    ['are not numbers', attackThat(() => Number.NaN, 1).attack],
  ]
  it.each(faults)('where its images %s: they count as robust, with a warning', async (_, attack) => {
    const { naturalAccuracy, attacks } = await evaluate(model, split, { attacks: [attack] })
    expect(attacks[0].robustAccuracy).toBe(naturalAccuracy)
    expect(attacks[0].failedChecks).toBe(rightOf(split))
    const warning = attacks[0].warnings.find(({ code }) => code === 'outside-threat-model')
    expect(warning?.message).toContain(`${rightOf(split)} images of made up left the ${attack.norm} ball`)
  })

  it('but rounding is forgiven, and what fools inside the ball counts', async () => {
    const inside = attackThat(v => (v > 0.5 ? 0 : 1) + (v > 0.5 ? -5e-7 : 5e-7), 1)
    const { attacks } = await evaluate(model, split, { attacks: [inside.attack] })
    expect(attacks[0].robustAccuracy).toBeLessThan(0.1)
    expect(attacks[0].warnings.map(({ code }) => code)).not.toContain('outside-threat-model')
  })
})

describe('limit', () => {
  it("keys an image's random draws by its number in the whole split", async () => {
    const { attack, seen } = attackThat(pixel => pixel)
    await evaluate(model, split, { attacks: [attack], limit: 20, seed: 3 })
    const { ids } = await subset(split, 20, 3)
    const chosen = seen.flatMap(call => call.ids)
    expect(chosen.length).toBeGreaterThan(0)
    expect(chosen.every(id => ids!.includes(id))).toBe(true)
    expect(seen.flatMap(call => call.labels)).toEqual(chosen.map(id => split.labels[id]))
  })

  it('evaluates the subset that the seed chooses', async () => {
    for (const seed of [0, 5]) {
      const part = await subset(split, 20, seed)
      const report = await evaluate(model, split, { limit: 20, seed })
      expect(report).toMatchObject({ images: 20, naturalAccuracy: rightOf(part) / 20, ids: part.ids })
    }
    const accuracies = await Promise.all(
      [0, 1, 2, 3, 4, 5].map(
        async seed => (await evaluate(model, split, { limit: 20, seed })).naturalAccuracy,
      ),
    )
    expect(new Set(accuracies).size).toBeGreaterThan(1)
  })

  it('must lie within the split', async () => {
    for (const limit of [0, 61, 1.5]) {
      await expect(evaluate(model, split, { limit })).rejects.toThrow(
        expect.objectContaining({ name: 'ConfigError', option: 'limit' }),
      )
    }
  })
})

it('progress goes through each phase', async () => {
  const seen: string[] = []
  await evaluate(model, split, {
    attacks: [fgsm({ eps: 0.1 })],
    batchSize: 25,
    onProgress: ({ phase, images, total }) => seen.push(`${phase} ${images}/${total}`),
  })
  const right = rightOf(split)
  expect(right).toBeLessThan(25)
  expect(seen).toEqual([...['natural 25/60', 'natural 50/60', 'natural 60/60'], `fgsm ${right}/${right}`])
})

it('progress tells the share of the whole evaluation, by the passes of each phase, and the time left', async () => {
  const seen: { phase: string; share: number; secondsLeft: number }[] = []
  await evaluate(model, split, {
    attacks: [pgd({ eps: 0.1, steps: 2 }), square({ eps: 1e-6, queries: 94 })],
    batchSize: 6,
    onProgress: ({ phase, share, secondsLeft }) => seen.push({ phase, share, secondsLeft }),
  })
  const shares = seen.map(({ share }) => share)
  expect(shares).toEqual([...shares].sort((a, b) => a - b))
  expect(shares.at(-1)).toBe(1)
  expect(seen.at(-1)!.secondsLeft).toBe(0)
  // Of an image: 6 passes of PGD, 97 of Square.
  const right = rightOf(split)
  const before = seen.findLast(({ phase }) => phase === 'pgd-2')!
  expect(before.share).toBeCloseTo((size + 6 * right) / (size + (6 + 97) * right), 10)
  expect(before.secondsLeft).toBeGreaterThan(0)
  // Square tells of its progress within a batch.
  expect(seen.filter(({ phase }) => phase === 'square').length).toBeGreaterThan(2 * Math.ceil(right / 6))
})

it('an AbortSignal stops it with AbortError, in either phase', async () => {
  for (const phase of ['natural', 'fgsm']) {
    const controller = new AbortController()
    const run = evaluate(model, split, {
      attacks: [fgsm({ eps: 0.1 })],
      batchSize: 25,
      signal: controller.signal,
      onProgress: progress => progress.phase === phase && controller.abort(),
    })
    await expect(run).rejects.toThrow(AbortError)
  }
})

describe('bad input is a typed error:', () => {
  it('images of another size than the model takes', async () => {
    const run = evaluate(model, { ...split, images: new Uint8Array(size * 9) })
    await expect(run).rejects.toThrow(ConfigError)
    await expect(run).rejects.toThrow(
      /60 images of \[1, 2, 2\] \(240 values\) for split\.images but received 540/,
    )
  })
  it('a label that the model does not have', async () => {
    const run = evaluate(model, { ...split, labels: split.labels.with(9, 3) })
    await expect(run).rejects.toThrow(ConfigError)
    await expect(run).rejects.toThrow(/labels from 0 to 2 in split but image 9 has 3/)
  })
  it('an empty data set', async () => {
    const empty = { size: 0, images: new Uint8Array(0), labels: new Int32Array(0) }
    await expect(evaluate(model, empty)).rejects.toThrow(
      expect.objectContaining({ name: 'ConfigError', option: 'split' }),
    )
  })
  it('a model of one class', async () => {
    const single = { ...model, numClasses: 1 }
    const run = fgsm({ eps: 0.1 }).run(single, new Float32Array(4), [0])
    await expect(run).rejects.toThrow(expect.objectContaining({ name: 'ConfigError', option: 'model' }))
  })
  it('a batch size of 0', async () => {
    await expect(evaluate(model, split, { batchSize: 0 })).rejects.toThrow(
      expect.objectContaining({ option: 'batchSize' }),
    )
  })
})

it('leaves no memory behind, also when it fails', async () => {
  const device = new Device({ threads: 1 })
  const own = brightness(device)
  // Whatever the device keeps with the weights of a model is there after its first use.
  await evaluate(own, split, { attacks: [fgsm({ eps: 0.1 })] })
  await device.synchronize()
  const before = device.memory().inUse
  await evaluate(own, split, { attacks: [pgd({ eps: 0.1, steps: 2 })], batchSize: 16 })
  await evaluate(own, { ...split, labels: split.labels.with(9, 3) }).catch(() => {})
  await device.synchronize()
  expect(device.memory().inUse).toBe(before)
})
