// What a run does about checkpoints that are damaged, of another run, of an earlier version, or no files at all.
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatUint8Arrays } from 'typed-array-utils'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { fgsmRs } from '../../src/attacks/index.ts'
import { AbortError, TicketError } from '../../src/errors.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/files/safetensors.ts'
import { encodeSealed } from '../../src/files/sealed.ts'
import { Device } from '../../src/tensor/device.ts'
import type { SearchOptions } from '../../src/training/options.ts'
import { searchRST } from '../../src/training/search.ts'
import { stripes } from './synthetic-dataset.ts'
import { asLines, untimed } from './untimed.ts'

const device = new Device({ threads: 1 })
const data = stripes({ train: 48, test: 16 })
/** Eight steps, two an epoch, each epoch a candidate. */
const recipe: SearchOptions = {
  arch: 'conv2',
  width: 0.1,
  data,
  remainingRatio: 0.4,
  inner: fgsmRs({ eps: 0.03 }),
  epochs: 4,
  selectEvery: 1,
  validationImages: 12,
  batchSize: 18,
  lr: 0.5,
  schedule: { kind: 'constant' },
  seed: 0,
  device,
}

let folder: string
/** A run that was stopped after its seventh step, with a checkpoint after each. */
let stopped: string
let whole: Awaited<ReturnType<typeof search>>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-checkpoint-'))
  stopped = join(folder, 'stopped')
  // A run whose best candidate was made before both checkpoints, in its second epoch.
  let names: string[]
  do {
    await rm(stopped, { recursive: true, force: true })
    recipe.seed!++
    await stopAt(7, { runDir: stopped })
    names = (await readdir(join(stopped, 'checkpoints'))).sort()
  } while ((!names[0].startsWith('best-00000004') || names.length !== 3) && recipe.seed! < 40)
  expect(names).toEqual(
    ['best-00000004', 'step-00000006', 'step-00000007'].map(name => `${name}.safetensors`),
  )
  whole = await search({})
})
afterAll(() => rm(folder, { recursive: true }))

let runDir: string
let names = 0
beforeEach(async () => {
  runDir = join(folder, String(++names))
  await cp(stopped, runDir, { recursive: true })
})

async function search(options: Partial<SearchOptions>) {
  const { ticket, history } = await searchRST({ ...recipe, ...options })
  const { masks, runningMean } = await ticket.data()
  ticket.dispose()
  return { history, masks, runningMean }
}

async function stopAt(step: number, options: Partial<SearchOptions>): Promise<void> {
  const controller = new AbortController()
  const onProgress = (progress: { step: number }) => progress.step === step && controller.abort()
  const run = search({ checkpointMinutes: 1e-9, ...options, signal: controller.signal, onProgress })
  await expect(run).rejects.toThrow(AbortError)
}

const fileOf = (name: string) => join(runDir, 'checkpoints', `${name}.safetensors`)
const newest = () => fileOf('step-00000007')
const earlier = () => fileOf('step-00000006')

const flip = async (path: string, at = 0.7) => {
  const bytes = await readFile(path)
  bytes[Math.floor(bytes.length * at)] ^= 4
  await writeFile(path, bytes)
}

/** Changes what a checkpoint holds, under a checksum that is right. */
async function rewrite(path: string, change: (position: Record<string, unknown>) => object): Promise<void> {
  const { metadata, tensors } = decodeSafetensors(await readFile(path), path)
  const position = JSON.parse(new TextDecoder().decode(tensors.get('position')!.data as Uint8Array))
  const bytes = new TextEncoder().encode(JSON.stringify({ ...position, ...change(position) }))
  tensors.set('position', { dtype: 'U8', shape: [bytes.length], data: bytes })
  await writeFile(path, concatUint8Arrays(...encodeSealed({ metadata, tensors })))
}

const damages: [string, (path: string) => Promise<unknown>, RegExp][] = [
  ['has a flipped bit', path => flip(path), /checksum in metadata field sha256: the file is damaged/],
  ['is cut short', async path => writeFile(path, (await readFile(path)).subarray(0, 5000)), /cut short/],
  ['is empty', path => writeFile(path, ''), /it has 0 bytes/],
  [
    'is a folder',
    async path => {
      await unlink(path)
      await mkdir(path)
    },
    /it is a folder/,
  ],
  [
    'has no checksum, as earlier versions wrote it',
    async path => {
      const { metadata, tensors } = decodeSafetensors(await readFile(path), path)
      const { sha256: _, ...rest } = metadata
      await writeFile(path, concatUint8Arrays(...encodeSafetensors({ metadata: rest, tensors })))
    },
    /written by an earlier version of rst-native/,
  ],
  ['is of step 1e9', path => rewrite(path, () => ({ step: 1e9 })), /step of the position is 1000000000/],
  ['is of step −1', path => rewrite(path, () => ({ step: -1 })), /step of the position is -1/],
  ['is of half a step', path => rewrite(path, () => ({ step: 6.5 })), /step of the position is 6.5/],
  [
    'is of another step than its name says',
    path => rewrite(path, () => ({ step: 5, history: whole.history.slice(0, 2) })),
    /is of step 5|is not of a run/,
  ],
  [
    'counts too many images',
    path => rewrite(path, () => ({ imageCount: 19 })),
    /imageCount of the position is 19/,
  ],
  ['counts more right than there are', path => rewrite(path, () => ({ correctSum: 1e3 })), /correctSum/],
  ['has no loss', path => rewrite(path, () => ({ lossSum: null })), /lossSum/],
  [
    'has too long a history',
    path => rewrite(path, () => ({ history: [...whole.history, ...whole.history] })),
    /history/,
  ],
  ['has another history', path => rewrite(path, () => ({ history: whole.history.slice(1) })), /history/],
  [
    'has a best candidate of no epoch',
    path => rewrite(path, () => ({ best: { epoch: 9, naturalAccuracy: 1 } })),
    /best/,
  ],
  [
    'has a best candidate of 200 %',
    path => rewrite(path, () => ({ best: { epoch: 1, naturalAccuracy: 2 } })),
    /best/,
  ],
  [
    'knows no best candidate',
    path => rewrite(path, () => ({ best: undefined })),
    /best of the position is undefined/,
  ],
]

describe('a newest checkpoint that', () => {
  it.each(damages)('%s gives way to the one before it, not in silence', async (_, damage, message) => {
    const path = newest()
    const step7 = expect.stringMatching(message)
    await damage(path)
    const warnings: string[] = []
    const onWarning = (warning: string) => void warnings.push(warning)
    expect(await search({ runDir, resume: true, onWarning })).toEqual(whole)
    expect(warnings).toEqual([step7])
    expect(warnings[0]).toContain(path)
    expect(warnings[0]).toContain('goes on from the checkpoint before it, of step 6')
    expect(await readdir(join(runDir, 'checkpoints'))).toContain('step-00000007.safetensors.damaged')
  })

  it.each(damages)(
    '%s as the one before it is an error, and nothing is lost by it',
    async (_, damage, message) => {
      // Each has to be wrong for its own sake, and not because of its name.
      for (const path of [newest(), earlier()]) await damage(path)
      const before = await readdir(runDir, { recursive: true })
      await device.synchronize()
      const { inUse } = device.memory()
      const error = await search({ runDir, resume: true }).catch(e => e)
      expect(error).toBeInstanceOf(TicketError)
      expect(error.message).toMatch(/None of the 2 checkpoints can be used/)
      expect(error.message).toMatch(message)
      expect((await readdir(runDir, { recursive: true })).sort()).toEqual(before.sort())
      await device.synchronize()
      expect(device.memory().inUse).toBe(inUse)
    },
  )
})

it('the only checkpoint that is damaged is an error', async () => {
  await unlink(earlier())
  await flip(newest())
  await expect(search({ runDir, resume: true })).rejects.toThrow(/The only checkpoint cannot be used/)
})

it('a run warns through the process where nobody else listens', async () => {
  await flip(newest())
  const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  await search({ runDir, resume: true })
  expect(emit).toHaveBeenCalledWith(expect.stringContaining('goes on from the checkpoint'), 'RstWarning')
  emit.mockRestore()
})

describe('the best candidate', () => {
  const best = () => fileOf('best-00000004')

  it('is missed at the start and not at the end', async () => {
    const onProgress = () => expect.unreachable('the run goes on')
    await flip(best())
    await expect(search({ runDir, resume: true, onProgress })).rejects.toThrow(/best-00000004.*sha256/)
    await rm(best())
    await expect(search({ runDir, resume: true, onProgress })).rejects.toThrow(/there is no such file/)
    await mkdir(best())
    await expect(search({ runDir, resume: true, onProgress })).rejects.toThrow(/it is a folder/)
  })

  it('is not another one under its name', async () => {
    await rewrite(best(), () => ({ best: { epoch: 1, naturalAccuracy: 1, robustAccuracy: 1 } }))
    await expect(search({ runDir, resume: true })).rejects.toThrow(/another candidate/)
  })

  it('newer than the checkpoint is not used', async () => {
    // As if the machine had stopped between the two writes of a later and better candidate, which was another run's.
    await cp(best(), fileOf('best-00000008'))
    expect(await search({ runDir, resume: true })).toEqual(whole)
  })
})

describe('a checkpoint of another run', () => {
  it.each<[string, Partial<SearchOptions>, RegExp]>([
    ['wider', { width: 0.2 }, /belongs to another run/],
    ['longer', { epochs: 6 }, /belongs to another run/],
    ['of another seed', { seed: 99 }, /belongs to another run/],
  ])('that is %s is refused', async (_, options, message) => {
    const other = join(folder, `other-${++names}`)
    await stopAt(7, { ...options, runDir: other })
    for (const name of ['step-00000006', 'step-00000007']) {
      await rename(join(other, 'checkpoints', `${name}.safetensors`), fileOf(name))
    }
    await expect(search({ runDir, resume: true })).rejects.toThrow(message)
  })
})

it('a run folder of an earlier version is refused as such', async () => {
  const path = join(runDir, 'config.json')
  const { format: _, ...config } = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify(config))
  await expect(search({ runDir, resume: true })).rejects.toThrow(
    expect.objectContaining({
      name: 'TicketError',
      field: 'format',
      message: expect.stringContaining('another version'),
    }),
  )
})

it('metrics that were broken are written anew, with a warning that names the line', async () => {
  const path = join(runDir, 'metrics.jsonl')
  const lines = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, [lines[0].replace('"loss":', '"loss":1'), 'broken', ...lines.slice(2)].join('\n'))
  const warnings: string[] = []
  const onWarning = (warning: string) => void warnings.push(warning)
  expect(await search({ runDir, resume: true, onWarning })).toEqual(whole)
  expect(warnings).toEqual([
    expect.stringContaining('line 1 is not what'),
    expect.stringContaining('line 2 is no JSON'),
  ])
  expect(untimed(await readFile(path, 'utf8'))).toEqual(asLines(whole.history))
})
