// One process at a time in a folder: the file `.lock` names who works there, and is written anew every few seconds.
import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { link, open, rename, stat, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ConfigError } from '../errors.ts'
import { temporaryName } from './atomic.ts'
import { parseJson } from './json.ts'
import { isAlive, startOf } from './process-id.ts'
import { readIfThere } from './run-config.ts'
import { writeError } from './write-error.ts'

export interface FolderLock {
  release(): Promise<void>
}

interface Holder {
  readonly pid: number
  readonly host: string
  /** Of its process numbers: those of another container mean other processes. */
  readonly namespace: string | undefined
  readonly start: string | undefined
  readonly id: string
}

/** The locks of this thread. */
const held = new Set<string>()

/**
 * Takes the lock of a folder. That of a process that is gone is taken over: at once where this machine can tell, and
 * otherwise, such as on a file system that several machines share, once it has been silent for `silence`.
 * @param times in milliseconds
 * @throws ConfigError (option 'out') that names the process which works there, or where nothing can be written
 */
export async function lockFolder(
  folder: string,
  { beat = 5_000, silence = 30_000 }: { beat?: number; silence?: number } = {},
): Promise<FolderLock> {
  const path = join(folder, '.lock')
  const id = randomBytes(8).toString('hex')
  const start = startOf(process.pid)
  const holder: Holder = { pid: process.pid, host: hostname(), namespace: processNamespace(), start, id }
  const text = `${JSON.stringify(holder)}\n`
  let seen: { text: string; time: number } | undefined
  for (;;) {
    const { done, now } = await create(folder, path, text).catch(error => {
      throw writeError(error, path)
    })
    if (done) break
    const found = await readLock(path)
    if (found === undefined) continue
    const silent = now - found.time > silence
    const state = stateOf(parseHolder(found.text), silent)
    if (state === 'gone') {
      await takeAway(folder, path, found.text)
      continue
    }
    const changed = seen !== undefined && (seen.text !== found.text || seen.time !== found.time)
    if (state === 'works' || changed) throw inUse(folder, path, parseHolder(found.text))
    seen ??= found
    await setTimeout(Math.min(beat, 500))
  }
  held.add(id)
  const timer = setInterval(() => {
    refresh(path, text).catch(() => {})
  }, beat).unref()
  return {
    async release() {
      clearInterval(timer)
      held.delete(id)
      if ((await readLock(path))?.text === text) await unlink(path).catch(() => {})
    },
  }
}

/** Written aside and then linked, so that nobody reads half a lock. `now` is the time by the folder's own clock. */
async function create(folder: string, path: string, text: string): Promise<{ done: boolean; now: number }> {
  const aside = join(folder, temporaryName('lock'))
  try {
    await writeFile(aside, text, { flag: 'wx' })
    const now = (await stat(aside)).mtimeMs
    const done = await link(aside, path).then(
      () => true,
      error => {
        if (error.code === 'EEXIST') return false
        if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(error.code)) throw error
        return createUnlinked(path, text)
      },
    )
    return { done, now }
  } finally {
    await unlink(aside).catch(() => {})
  }
}

/** For file systems without hard links. */
function createUnlinked(path: string, text: string): Promise<boolean> {
  return writeFile(path, text, { flag: 'wx' }).then(
    () => true,
    error => {
      if (error.code === 'EEXIST') return false
      throw error
    },
  )
}

async function readLock(path: string): Promise<{ text: string; time: number } | undefined> {
  const text = await readIfThere(path)
  const time = await stat(path).catch(() => undefined)
  return text === undefined || time === undefined ? undefined : { text, time: time.mtimeMs }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const holder = parseJson(text) as Holder | null
    return Number.isSafeInteger(holder?.pid) && typeof holder?.host === 'string' ? holder : undefined
  } catch {
    return undefined
  }
}

/** @param silent whether the lock was not written for longer than its holder would leave it */
function stateOf(holder: Holder | undefined, silent: boolean): 'works' | 'gone' | 'unknown' {
  const unknown = silent ? 'gone' : 'unknown'
  if (!holder || holder.host !== hostname()) return unknown
  const bootOf = (start: string | undefined) => start?.split(' ')[0]
  const own = startOf(process.pid)
  if (holder.start && own && bootOf(holder.start) !== bootOf(own)) return 'gone'
  if (holder.namespace !== processNamespace()) return unknown
  if (!isAlive(holder.pid)) return 'gone'
  if (holder.start !== startOf(holder.pid)) return 'gone'
  // Another thread of this process may hold it, or have been terminated while it did.
  if (holder.pid === process.pid && !held.has(holder.id)) return unknown
  return 'works'
}

/** Removes the lock whose text is `text`, and no other that came in its place meanwhile. */
async function takeAway(folder: string, path: string, text: string): Promise<void> {
  const aside = join(folder, temporaryName('lock'))
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  )
  if (!moved) return
  if ((await readLock(aside))?.text !== text) await link(aside, path).catch(() => {})
  await unlink(aside).catch(() => {})
}

/**
 * Gives the lock a new time, by the clock of the machine that keeps the folder. Read and written through one opened file:
 * a lock that another takes meanwhile is another file.
 */
async function refresh(path: string, text: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(1024), position: 0 })
    if (buffer.toString('utf8', 0, bytesRead) === text) await file.write(text[0]!, 0)
  } finally {
    await file.close()
  }
}

function inUse(folder: string, path: string, holder: Holder | undefined): ConfigError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process'
  return new ConfigError(
    `${folder} is in use by ${who}: wait until it ends, give another --out, or, if it is gone for sure, delete ${path}.`,
    'out',
  )
}

function processNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return undefined
  }
}
