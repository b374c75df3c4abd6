// Runs called from a program, without a terminal: what recipes build on.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fgsm } from '../../src/attacks/fgsm.ts'
import { pgd } from '../../src/attacks/pgd.ts'
import { random } from '../../src/r2s/adversaries.ts'
import * as runs from '../../src/runs/index.ts'
import { loadTicket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { stripes } from '../training/synthetic-dataset.ts'

const data = stripes({ train: 64, test: 40 })
const device = new Device({ threads: 1 })
const training = {
  data,
  device,
  epochs: 3,
  batchSize: 16,
  lr: 0.1,
  augment: false,
  inner: fgsm({ eps: 0.05 }),
  selectOn: 'last' as const,
  closing: { steps: 2, limit: 'all' as const },
}
const options = { ...training, arch: 'conv2', width: 0.15, remainingRatio: 0.5 }

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-runs-'))
})
afterEach(() => rm(folder, { recursive: true }))

const searched = (name = 'run', more: Partial<runs.SearchRunOptions> = {}) =>
  runs.search({ ...options, out: join(folder, name), ...more })

describe('runs.search', () => {
  it('takes a data set in memory and returns what it wrote', async () => {
    const { inUse } = device.memory()
    const stages: (string | null)[] = []
    let steps = 0
    let evaluated = 0
    const begun: runs.BegunRun[] = []
    const { report, evaluations, history } = await searched('run', {
      onStage: name => stages.push(name),
      onBegin: run => begun.push(run),
      onTraining: () => void steps++,
      onEvaluation: () => void evaluated++,
    })
    expect(stages).toEqual(['search', null, 'evaluate ticket', null, 'evaluate random mask', null])
    expect([steps, evaluated > 2]).toEqual([12, true])
    expect(begun).toEqual([{ folder: join(folder, 'run'), info: data.info }])
    expect(history).toHaveLength(3)
    const metrics = (await readFile(join(folder, 'run', 'metrics.jsonl'), 'utf8')).trimEnd().split('\n')
    for (const [epoch, line] of metrics.entries()) {
      const { seconds, imagesPerSecond, ...record } = JSON.parse(line)
      expect(record).toEqual(history[epoch])
      expect(seconds * imagesPerSecond).toBeCloseTo(64, 6)
    }
    const written = JSON.parse(await readFile(join(folder, 'run', 'evaluation.json'), 'utf8'))
    expect(written.ticket.naturalAccuracy).toBe(report.naturalAccuracy)
    expect(evaluations.ticket.images).toBe(40)
    expect(report.provenance.attacks).toMatchObject([{ eps: 0.05, settings: { steps: 2 } }])
    using ticket = await loadTicket(report.ticket, { device })
    expect(ticket.metadata.accuracies).toEqual({
      natural: report.naturalAccuracy,
      robust: report.robustAccuracy,
    })
    ticket.dispose()
    await device.synchronize()
    expect(device.memory().inUse).toBe(inUse)
  })

  it('stops at a signal and goes on to the same ticket', async () => {
    const whole = await searched('whole')
    const controller = new AbortController()
    const stopped = searched('run', {
      signal: controller.signal,
      onTraining: ({ step }) => step === 5 && controller.abort(),
    })
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
    const resumed = await searched('run', { resume: true })
    const [one, other] = await Promise.all([whole, resumed].map(({ report }) => readFile(report.ticket)))
    expect(other.equals(one)).toBe(true)
    expect(resumed.report.robustAccuracy).toBe(whole.report.robustAccuracy)
  })

  it('makes the inner attack once it knows the data set', async () => {
    await searched('run', { inner: ({ usualEps }) => fgsm({ eps: usualEps ?? 0.03 }) })
    const config = JSON.parse(await readFile(join(folder, 'run', 'config.json'), 'utf8'))
    expect(config.inner).toMatchObject({ eps: data.info.usualEps ?? 0.03 })
  })

  it.each([
    ['remainingRatio', { remainingRatio: 2 }],
    ['ratio', { ratio: 0.1 }],
    ['closing', { closing: 5 }],
    ['limit', { closing: { limit: 0 } }],
    ['data', { data: [] }],
    ['dataset', { data: { name: 'nmist' } }],
    ['name', { data: { name: 5 } }],
    ['onStage', { onStage: 'search' }],
  ])('refuses a wrong %s before it makes anything', async (option, change) => {
    await expect(searched('run', change as object)).rejects.toMatchObject({ name: 'ConfigError', option })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('runs on saved models', () => {
  it('train, fine-tune, evaluate, transfer and switch', async () => {
    const { arch, width } = options
    const trained = await runs.train({ ...training, arch, width, out: join(folder, 'dense') })
    const first = await searched('a')
    const second = await searched('b', { remainingRatio: 0.3 })
    const tuned = await runs.finetune({
      ...{ ...training, epochs: 1 },
      ticket: first.report.ticket,
      out: join(folder, 'tuned'),
    })
    expect(tuned.report.before.naturalAccuracy).toBe(first.report.naturalAccuracy)

    const shared = { data, device, limit: 'all' as const }
    const attacks = () => [pgd({ eps: 0.05, steps: 2 })]
    for (const [source, naturalAccuracy] of [
      [{ ticket: first.report.ticket }, first.report.naturalAccuracy],
      [{ model: trained.report.checkpoint }, trained.report.naturalAccuracy],
    ] as const) {
      const { report } = await runs.evaluate({ ...shared, ...source, attacks })
      expect(report.naturalAccuracy).toBe(naturalAccuracy)
    }

    const tickets = [first.report.ticket, second.report.ticket]
    const attack = pgd({ eps: 0.05, steps: 2 })
    const { report, matrix } = await runs.transfer({ ...shared, tickets, attack, out: folder })
    expect(report.tickets).toEqual(tickets)
    expect(JSON.parse(await readFile(join(folder, 'transfer.json'), 'utf8')).matrix).toEqual(matrix.matrix)
    const { found } = await runs.r2s({ ...shared, tickets, adversary: random(attack) })
    expect(found.robustAccuracy).toBeCloseTo(matrix.mean, 12)
  })

  it('name the images that a ticket is not for', async () => {
    const { report } = await searched()
    const other = stripes({ train: 20, test: 20 })
    const wider = { ...other, info: { ...other.info, classes: other.info.classes + 1 } }
    const attacks = [pgd({ eps: 0.05, steps: 1 })]
    const wrong = runs.evaluate({ ticket: report.ticket, data: wider, attacks, device })
    await expect(wrong).rejects.toMatchObject({ name: 'ConfigError', option: 'dataset' })
  })
})
