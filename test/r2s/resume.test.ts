// Transfer matrices and switch evaluations that are interrupted and go on.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AttackRunOptions } from '../../src/attacks/frame/attack.ts'
import { autoAttack, fgsm, pgd } from '../../src/attacks/index.ts'
import { AbortError, ConfigError } from '../../src/errors.ts'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { arc, ensembleLogits, eot, eotApgd, random } from '../../src/r2s/adversaries.ts'
import { evaluateR2S } from '../../src/r2s/evaluate.ts'
import type { SwitchAttack } from '../../src/r2s/switch-attack.ts'
import { transferMatrix } from '../../src/r2s/transfer.ts'
import { linearTicket } from './small-tickets.ts'

let runDir: string
beforeEach(async () => {
  runDir = await mkdtemp(join(tmpdir(), 'rst-r2s-resume-'))
})
afterEach(() => rm(runDir, { recursive: true }))

const classes = [
  [1, -2, 0.5, 0.3],
  [-1, 1, 0, 0.2],
  [0, 0.5, -1, 0],
]
/** Of much the same opinion. */
const tickets = [0, 0.3, -0.4].map(shift =>
  linearTicket(
    classes.map((weights, c) => weights.map((w, i) => w + shift * ((c + i) % 3))),
    [0.2, shift, 0.1],
  ),
)
const size = 30
const split = {
  size,
  images: Uint8Array.from({ length: 4 * size }, (_, i) => (i * 73) % 256),
  labels: Int32Array.from({ length: size }, (_, n) => n % 3),
}
const eps = 0.03
const attack = pgd({ eps, steps: 3, restarts: 2 })

/** Options of a run that tells of each batch it finishes. */
function watched({ journal, ...options }: AttackRunOptions, onBatch: () => void): AttackRunOptions {
  return {
    ...options,
    journal: journal && {
      read: (...entry) => journal.read(...entry),
      async write(...entry) {
        await journal.write(...entry)
        onBatch()
      },
    },
  }
}

interface Change {
  runDir?: string
  resume?: boolean
  signal?: AbortSignal
  batchSize?: number
  seed?: number
  limit?: number
  onComplete?: () => Promise<void>
}
type Evaluation = (change: Change, onBatch?: () => void) => Promise<unknown>

const ofMatrix: Evaluation = (change, onBatch = () => {}) =>
  transferMatrix(tickets, split, {
    ...{ batchSize: 7, seed: 3, ...change },
    attack: {
      ...attack,
      run: (model, images, labels, given = {}) => attack.run(model, images, labels, watched(given, onBatch)),
    },
  })
const ofSwitch =
  (adversary: SwitchAttack, simulate?: number): Evaluation =>
  (change, onBatch = () => {}) =>
    evaluateR2S({ tickets }, split, {
      ...{ batchSize: 7, seed: 3, simulate, ...change },
      adversary: {
        ...adversary,
        run: (of, images, labels, given = {}) => adversary.run(of, images, labels, watched(given, onBatch)),
      },
    })

const series = autoAttack({ eps, version: 'custom', attacks: ['apgd-ce', 'square'], checks: false })
const evaluations: [string, Evaluation][] = [
  ['a transfer matrix', ofMatrix],
  ['a switch under PGD on one ticket', ofSwitch(random(attack))],
  ['a switch under AutoAttack on one ticket', ofSwitch(random(series))],
  ['a switch under EOT', ofSwitch(eot({ eps, steps: 3 }))],
  ['a switch under EOT-APGD', ofSwitch(eotApgd({ eps, steps: 5 }))],
  ['a switch under Ensemble', ofSwitch(ensembleLogits({ eps, steps: 3 }))],
  ['a switch under ARC', ofSwitch(arc({ eps, steps: 2 }))],
  ['a simulation', ofSwitch(random(attack), 2)],
]

describe.each(evaluations)('%s', (_, run) => {
  it('that is interrupted after any batch goes on to the same report', async () => {
    const whole = await run({})
    let batches = 0
    expect(await run({ runDir }, () => batches++)).toEqual(whole)
    expect(batches).toBeGreaterThanOrEqual(5)
    for (const stopAt of [1, 3, batches - 1]) {
      const controller = new AbortController()
      let done = 0
      const stopped = run(
        { runDir, signal: controller.signal },
        () => ++done === stopAt && controller.abort(),
      )
      await expect(stopped).rejects.toThrow(AbortError)
      expect(await readdir(runDir)).toEqual(['evaluation-state'])
      let again = 0
      // The batch size of the interrupted one is taken again.
      const resumed = await run({ runDir, resume: true, batchSize: undefined }, () => again++)
      expect(again).toBe(batches - stopAt)
      expect(resumed).toEqual(whole)
      expect(await readdir(runDir)).toEqual([])
    }
  })

  it('whose results cannot be written down can be resumed, and does nothing again', async () => {
    const failing = async () => {
      throw new Error('the disk is full')
    }
    await expect(run({ runDir, onComplete: failing })).rejects.toThrow('disk is full')
    let again = 0
    let written = 0
    const onComplete = async () => void written++
    await run({ runDir, resume: true, onComplete }, () => again++)
    expect([again, written]).toEqual([0, 1])
    expect(await readdir(runDir)).toEqual([])
  })
})

describe('what is kept of an interrupted switch evaluation', () => {
  const adversary = random(attack)
  const stop = async () => {
    const failing = async () => {
      throw new Error('stopped')
    }
    const options = { adversary, batchSize: 7, seed: 3, runDir, onComplete: failing }
    await expect(evaluateR2S({ tickets }, split, options)).rejects.toThrow('stopped')
  }
  const given = { adversary, seed: 3, resume: true }
  const fewer = tickets.slice(1)
  const others: [string, string, () => Promise<unknown>][] = [
    ['another seed', 'seed', () => evaluateR2S({ tickets }, split, { ...given, seed: 4, runDir })],
    [
      'another batch size',
      'batchSize',
      () => evaluateR2S({ tickets }, split, { ...given, batchSize: 8, runDir }),
    ],
    ['another subset', 'images', () => evaluateR2S({ tickets }, split, { ...given, limit: 9, runDir })],
    ['other tickets', 'models', () => evaluateR2S({ tickets: fewer }, split, { ...given, runDir })],
    [
      'tickets in another order',
      'models',
      () => evaluateR2S({ tickets: tickets.toReversed() }, split, { ...given, runDir }),
    ],
    [
      'other settings of the attack',
      'adversary.restarts',
      () => {
        const other = random(pgd({ eps, steps: 3 }))
        return evaluateR2S({ tickets }, split, { ...given, adversary: other, runDir })
      },
    ],
    [
      'another adversary',
      'adversary.name',
      () => evaluateR2S({ tickets }, split, { ...given, adversary: eot({ eps, steps: 3 }), runDir }),
    ],
    ['draws', 'simulate', () => evaluateR2S({ tickets }, split, { ...given, simulate: 2, runDir })],
    [
      'other images',
      'data',
      () => {
        const other = { ...split, images: split.images.with(5, 9) }
        return evaluateR2S({ tickets }, other, { ...given, runDir })
      },
    ],
    [
      'a transfer matrix',
      'kind',
      () => transferMatrix(tickets, split, { attack, seed: 3, resume: true, runDir }),
    ],
    [
      'an evaluation of one ticket',
      'kind',
      () => evaluate(tickets[0], split, { attacks: [fgsm({ eps })], seed: 3, resume: true, runDir }),
    ],
  ]
  it.each(others)('is not taken for %s', async (_, option, run) => {
    await stop()
    await expect(run()).rejects.toThrow(ConfigError)
    await expect(run()).rejects.toMatchObject({ option })
  })

  it('is neither overwritten nor made up', async () => {
    const run = (change: Change) => evaluateR2S({ tickets }, split, { ...given, ...change })
    await expect(run({ runDir })).rejects.toThrow(/holds no interrupted evaluation/)
    await stop()
    await expect(run({ runDir, resume: false })).rejects.toThrow(/continue it with --resume/)
    await expect(run({})).rejects.toMatchObject({ option: 'runDir' })
  })
})
