// Files that were changed at random: each reader must say what the sound file says, or throw a typed error.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { RstError } from '../src/errors.ts'
import { Dice } from './dice.ts'
import { type FileTarget, fileTargets, layOut } from './file-targets.ts'
import { mutate } from './mutations.ts'

export interface FuzzFilesOptions {
  seed: number
  /** End after so many seconds. */
  seconds?: number
  /** End after so many files. Default 1000, or as many as fit into `seconds`. */
  runs?: number
}

/** No reader takes so long for files as small as these. */
const longest = 20_000

/** @returns how many files were changed, and a line on each that was answered wrongly; the same for the same seed */
export async function fuzzFiles({
  seed,
  seconds = Number.POSITIVE_INFINITY,
  runs = seconds === Number.POSITIVE_INFINITY ? 1000 : Number.POSITIVE_INFINITY,
}: FuzzFilesOptions): Promise<{ runs: number; failures: string[] }> {
  const started = performance.now()
  const failures: string[] = []
  const targets = await fileTargets()
  const folder = await mkdtemp(join(tmpdir(), 'rst-fuzz-files-'))
  const place = join(folder, 'files')
  try {
    const sound = new Map<FileTarget, string>()
    for (const target of targets) {
      await layOut(place, target.files)
      sound.set(target, await target.read(place))
    }
    const choices = targets.flatMap(target => new Array<FileTarget>(target.weight).fill(target))
    let run = 0
    while (run < runs && performance.now() - started < seconds * 1000) {
      const dice = new Dice(seed * 2 ** 24 + run++)
      const target = dice.pick(choices)
      const { file, name, files, resealed } = changed(target, dice)
      await layOut(place, files)
      const wrong = await judge(target, place, resealed ? undefined : sound.get(target))
      if (wrong) failures.push(`seed ${seed}, run ${run - 1}: ${target.name}, ${file}, ${name}: ${wrong}`)
    }
    return { runs: run, failures }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function changed(target: FileTarget, dice: Dice) {
  const file = dice.pick([...target.files.keys()])
  const bytes = target.files.get(file)!
  const { name, bytes: mutated, resealed = false } = mutate(bytes, kindOf(file, bytes), dice)
  return { file, name, resealed, files: new Map([...target.files, [file, mutated]]) }
}

function kindOf(file: string, bytes: Uint8Array): 'safetensors' | 'text' | 'binary' {
  if (/\.(jsonl?|yaml)$/.test(file)) return 'text'
  return bytes[8] === '{'.charCodeAt(0) ? 'safetensors' : 'binary'
}

/** @param expected what the files say; undefined where they may say something else */
async function judge(target: FileTarget, folder: string, expected?: string): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${longest / 1000} s`)), longest)
  })
  try {
    const found = await Promise.race([target.read(folder), tooLong])
    const differs = expected !== undefined && !target.unproven && found !== expected
    return differs ? 'the damage was accepted' : undefined
  } catch (error) {
    if (error instanceof RstError) return undefined
    return `${(error as Error)?.name}: ${(error as Error)?.message}`.slice(0, 300)
  } finally {
    clearTimeout(timer)
  }
}
