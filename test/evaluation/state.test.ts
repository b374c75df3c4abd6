// What is kept of an interrupted evaluation, damaged in every way.
import { mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatUint8Arrays } from 'typed-array-utils'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Attack } from '../../src/attacks/frame/attack.ts'
import { cwL2, pgd } from '../../src/attacks/index.ts'
import { ConfigError } from '../../src/errors.ts'
import { type EvaluateOptions, type Evaluation, evaluate } from '../../src/evaluation/evaluate.ts'
import { decodeSafetensors, type SafetensorsFile } from '../../src/files/safetensors.ts'
import { encodeSealed } from '../../src/files/sealed.ts'
import { Draws } from '../../src/random/draws.ts'
import { Purpose, RandomStream } from '../../src/random/philox.ts'
import { linearClassifier } from '../attacks/linear-classifier.ts'

const model = linearClassifier([1, -2, 0.5, 0.3], 0.2)
const size = 20
const split = {
  size,
  images: Uint8Array.from({ length: 4 * size }, (_, i) => (i * 73) % 256),
  labels: Int32Array.from({ length: size }, (_, n) => n % 2),
}
const attacks = [pgd({ eps: 0.03, steps: 2 }), cwL2({ eps: 0.1, iterations: 5, searchSteps: 1 })]
const options: EvaluateOptions = { attacks, batchSize: 6, seed: 3 }
const untimed = (report: Evaluation) =>
  JSON.parse(JSON.stringify(report, (key, value) => (key === 'seconds' ? 0 : value)))

let whole: object
let runDir: string
let folder: string
let config: string
/** The files of two batches of the same images, by two attacks. */
let file: string
let other: string
beforeAll(async () => {
  whole = untimed(await evaluate(model, split, options))
})
beforeEach(async () => {
  runDir = await mkdtemp(join(tmpdir(), 'rst-state-'))
  folder = join(runDir, 'evaluation-state')
  config = join(folder, 'config.json')
  file = join(folder, '0-pgd-2_0_0.safetensors')
  other = join(folder, '1-cw-l2_0_0.safetensors')
  const stop = async () => {
    throw new Error('stopped')
  }
  await expect(evaluate(model, split, { ...options, runDir, onComplete: stop })).rejects.toThrow('stopped')
})
afterEach(() => rm(runDir, { recursive: true }))

/** Resumes, and returns what it was told of damage. */
async function resume(): Promise<string[]> {
  const warnings: string[] = []
  const onWarning = (message: string) => void warnings.push(message)
  expect(untimed(await evaluate(model, split, { ...options, runDir, resume: true, onWarning }))).toEqual(
    whole,
  )
  expect(await readdir(runDir)).toEqual([])
  return warnings
}

it('is one sealed file a batch, and nothing is said of whole ones', async () => {
  const names = await readdir(folder)
  expect(names.length).toBeGreaterThan(3)
  expect(names).toEqual(expect.arrayContaining(['config.json', '0-pgd-2_0_0.safetensors']))
  expect(await resume()).toEqual([])
})

/** Replaces a file by one of other content that is sealed anew. */
async function resealed(path: string, change: (content: SafetensorsFile) => void): Promise<void> {
  const { metadata, tensors } = decodeSafetensors(await readFile(path), path)
  delete metadata.sha256
  const content = { metadata, tensors: new Map(tensors) }
  change(content)
  await writeFile(path, concatUint8Arrays(...encodeSealed(content)))
}

const withValue = (path: string, tensor: string, value: number) =>
  resealed(path, ({ tensors }) => {
    tensors.get(tensor)!.data[0] = value
  })

describe('a batch is done again, and said to be, where its file', () => {
  const damages: [string, () => Promise<unknown>][] = [
    ['is empty', () => truncate(file, 0)],
    ['is cut short', () => truncate(file, 300)],
    ['is no safetensors file', () => writeFile(file, 'hello, world')],
    [
      'was changed by a bit',
      async () => {
        const bytes = await readFile(file)
        bytes[bytes.length - 3] ^= 1
        await writeFile(file, bytes)
      },
    ],
    ['is that of another attack on the same images', async () => writeFile(file, await readFile(other))],
    [
      'is that of other images',
      async () => writeFile(file, await readFile(join(folder, '0-pgd-2_0_6.safetensors'))),
    ],
    [
      'is of another run',
      () =>
        resealed(file, ({ metadata }) => {
          metadata.run = 'other'
        }),
    ],
    [
      'lacks the adversarial images',
      () => resealed(file, ({ tensors }) => void tensors.delete('adversarial')),
    ],
    ['lacks the verdicts', () => resealed(file, ({ tensors }) => void tensors.delete('robust'))],
    ['lacks the losses', () => resealed(file, ({ tensors }) => void tensors.delete('best_loss'))],
    ['lacks the numbers of its images', () => resealed(file, ({ tensors }) => void tensors.delete('images'))],
    [
      'has verdicts of another type',
      () =>
        resealed(file, ({ tensors }) => {
          const shape = tensors.get('robust')!.shape
          tensors.set('robust', { dtype: 'F32', shape, data: new Float32Array(shape[0]) })
        }),
    ],
    ['has a verdict that is neither 0 nor 1', () => withValue(file, 'robust', 2)],
    ['has a pixel that is no number', () => withValue(file, 'adversarial', Number.NaN)],
    ['has a pixel outside the box', () => withValue(file, 'adversarial', 1.5)],
    [
      'has images of another shape',
      () =>
        resealed(file, ({ tensors }) => {
          const { data, shape } = tensors.get('adversarial')!
          const longer = { dtype: 'F32' as const, shape: [shape[1], shape[0]], data: data as Float32Array }
          tensors.set('adversarial', longer)
        }),
    ],
    [
      'has a distance below 0',
      () => {
        file = other
        return withValue(file, 'distances', -1)
      },
    ],
    ...(
      [
        ['lacks the passes', undefined],
        ['has passes that are no number', '{"forwards":"7","backwards":1,"warnings":[]}'],
        ['has passes below 0', '{"forwards":-7,"backwards":1,"warnings":[]}'],
        ['has warnings that are none', '{"forwards":7,"backwards":1,"warnings":[3]}'],
        ['has no JSON', '{"forwards":7'],
        ['has null for JSON', 'null'],
        ['has JSON of any depth', '['.repeat(30_000)],
      ] as const
    ).map(([name, outcome]): [string, () => Promise<unknown>] => [
      name,
      () =>
        resealed(file, ({ metadata }) => {
          if (outcome === undefined) delete metadata.outcome
          else metadata.outcome = outcome
        }),
    ]),
  ]
  it.each(damages)('%s', async (_, damage) => {
    await damage()
    const warnings = await resume()
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('A finished batch is done again:')
    expect(warnings[0]).toContain(file)
  })

  const resumed = () => evaluate(model, split, { ...options, runDir, resume: true, onWarning: () => {} })
  it('is a folder, which cannot be replaced: a ConfigError names it', async () => {
    await rm(file)
    await mkdir(file)
    await expect(resumed()).rejects.toThrow(ConfigError)
    await expect(resumed()).rejects.toThrow(file)
    await expect(resumed()).rejects.toThrow('a folder of that name is in the way')
  })

  it('cannot be written, since the folder is gone: a FileError says so', async () => {
    const gone: Attack = {
      ...attacks[0],
      async run(...given) {
        await rm(folder, { recursive: true })
        return attacks[0].run(...given)
      },
    }
    const run = evaluate(model, split, { ...options, attacks: [gone], runDir: join(runDir, 'other') })
    folder = join(runDir, 'other', 'evaluation-state')
    await expect(run).rejects.toMatchObject({ name: 'FileError' })
    await expect(run).rejects.toThrow('its folder was there and is gone')
  })
})

it('200 files of which any byte is changed, or any part cut off, change no result', async () => {
  const draws = new Draws(new RandomStream(5, Purpose.noise))
  // One evaluation reads every damaged copy, under the names of one batch after the other.
  const state = join(runDir, 'sound')
  await rename(folder, state)
  const names = (await readdir(state)).filter(name => name !== 'config.json')
  let said = 0
  let changed = 0
  for (let round = 0; round < 200 / names.length; round++) {
    await mkdir(folder)
    await writeFile(config, await readFile(join(state, 'config.json')))
    for (const name of names) {
      const bytes = await readFile(join(state, name))
      const at = draws.integer(bytes.length)
      if (draws.integer(4) === 0) await writeFile(join(folder, name), bytes.subarray(0, at))
      else {
        bytes[at] ^= 1 << draws.integer(8)
        await writeFile(join(folder, name), bytes)
      }
      changed++
    }
    const onWarning = () => void said++
    const resumed = await evaluate(model, split, { ...options, runDir, resume: true, onWarning })
    expect(untimed(resumed)).toEqual(whole)
  }
  expect(changed).toBeGreaterThanOrEqual(200)
  expect(said).toBe(changed)
})

describe('the evaluation is not resumed, with a ConfigError that names file and cure, where its config.json', () => {
  const change = async (values: object) =>
    writeFile(config, JSON.stringify({ ...JSON.parse(await readFile(config, 'utf8')), ...values }))
  const damages: [string, () => Promise<unknown>][] = [
    ['is empty', () => truncate(config, 0)],
    ['is cut short', () => truncate(config, 50)],
    ['is null', () => writeFile(config, 'null')],
    ['is an array', () => writeFile(config, '[]')],
    ['is of any depth', () => writeFile(config, '['.repeat(30_000))],
    ['is a folder', () => rm(config).then(() => mkdir(config))],
    ['has no batch size', () => change({ batchSize: undefined })],
    ['has a batch size of text', () => change({ batchSize: '6' })],
    ['has a batch size of 0', () => change({ batchSize: 0 })],
  ]
  const resumed = () => evaluate(model, split, { ...options, batchSize: undefined, runDir, resume: true })
  it.each(damages)('%s', async (_, damage) => {
    await damage()
    await expect(resumed()).rejects.toThrow(ConfigError)
    await expect(resumed()).rejects.toMatchObject({ option: 'out', message: expect.stringContaining(config) })
    await expect(resumed()).rejects.toThrow(/start (the evaluation )?anew/)
  })

  it.each([
    ['format', { format: 'rst-evaluation-state/1' }],
    ['seed', { seed: 4 }],
    ['models', { models: null }],
    ['extra', { extra: 1 }],
  ])('has another %s, which is named', async (option, values) => {
    await change(values)
    await expect(resumed()).rejects.toMatchObject({ name: 'ConfigError', option })
  })
})

it('images outside the box, which only a faulty attack makes, are not kept but found again', async () => {
  const faulty: Attack = {
    ...attacks[0],
    run: (of, images, labels, given = {}) =>
      attacks[0].run(of, images, labels, {
        ...given,
        journal: given.journal && {
          read: (...entry) => given.journal!.read(...entry),
          write: (key, ids, outcome) =>
            given.journal!.write(key, ids, { ...outcome, adversarial: outcome.adversarial.map(() => 3) }),
        },
      }),
  }
  await rm(folder, { recursive: true })
  const stop = async () => {
    throw new Error('stopped')
  }
  const run = evaluate(model, split, { ...options, attacks: [faulty], runDir, onComplete: stop })
  await expect(run).rejects.toThrow('stopped')
  expect(await readdir(folder)).toEqual(['config.json'])
})
