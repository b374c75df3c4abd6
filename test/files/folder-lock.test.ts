import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lockFolder } from '../../src/files/folder-lock.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-lock-'))
  path = join(folder, '.lock')
})
afterEach(() => rm(folder, { recursive: true }))

const short = { beat: 20, silence: 200 }

/** Puts the lock of another in place of whatever is there, as who takes one over does. */
async function replaceLock(): Promise<void> {
  await writeFile(`${path}-other`, 'of another')
  await rename(`${path}-other`, path)
}

/** The lock that this process would write, changed. */
async function writeLock(changes: object): Promise<void> {
  const lock = await lockFolder(folder)
  const holder = JSON.parse(await readFile(path, 'utf8'))
  await lock.release()
  await writeFile(path, JSON.stringify({ ...holder, ...changes }))
}

describe('lockFolder', () => {
  it('refuses a folder that is in use, naming process and host, until it is released', async () => {
    const lock = await lockFolder(folder)
    await expect(lockFolder(folder)).rejects.toThrow(
      expect.objectContaining({
        name: 'ConfigError',
        option: 'out',
        message: expect.stringContaining(`in use by process ${process.pid} on ${hostname()}`),
      }),
    )
    await lock.release()
    await (await lockFolder(folder)).release()
    expect(await readdir(folder)).toEqual([])
  })

  it('gives a folder to one of many who ask at once', async () => {
    for (const before of ['nothing', 'a dead lock']) {
      if (before !== 'nothing') await writeLock({ pid: spawnSync('true').pid, start: undefined })
      const asked = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)))
      const given = asked.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
      expect(given, before).toHaveLength(1)
      await given[0].release()
    }
    expect(await readdir(folder)).toEqual([])
  })

  it('takes over from a process that was killed, also where its number was given to another', async () => {
    await writeLock({ pid: spawnSync('true').pid })
    await (await lockFolder(folder)).release()
    if (process.platform !== 'linux') return
    // Our parent lives, and did not start when this lock says.
    await writeLock({ pid: process.ppid, id: 'another' })
    await (await lockFolder(folder)).release()
    await writeLock({ start: 'another-boot 1', pid: 1 })
    await (await lockFolder(folder)).release()
    expect(await readdir(folder)).toEqual([])
  })

  it('refuses what another living process holds', async () => {
    const child = spawn('sleep', ['60'])
    try {
      const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => undefined)
      if (stat === undefined) return
      const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
      const start = `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
      await writeLock({ pid: child.pid, start, id: 'theirs' })
      // However long it was silent: it may have been stopped.
      await utimes(path, 1000, 1000)
      await expect(lockFolder(folder)).rejects.toThrow(`process ${child.pid} on`)
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('waits whether another machine, or a thread, still gives signs, and takes over if not', async () => {
    for (const changes of [{ host: 'elsewhere' }, { id: 'of another thread' }]) {
      await writeLock(changes)
      const beats = setInterval(() => void utimes(path, Date.now() / 1000, Date.now() / 1000), 10)
      try {
        const patient = { beat: 20, silence: 10_000 }
        await expect(lockFolder(folder, patient)).rejects.toThrow('in use by process')
      } finally {
        clearInterval(beats)
        await setTimeout(50)
      }
      const lock = await lockFolder(folder, short)
      await lock.release()
      await writeLock(changes)
      await utimes(path, 1000, 1000)
      await (await lockFolder(folder)).release()
    }
    expect(await readdir(folder)).toEqual([])
  })

  it('gives signs itself, and notices when its lock is not its own any more', async () => {
    const lock = await lockFolder(folder, short)
    const text = await readFile(path, 'utf8')
    await utimes(path, 1000, 1000)
    await vi.waitFor(async () => expect((await stat(path)).mtimeMs).toBeGreaterThan(1e12), 5000)
    expect(await readFile(path, 'utf8')).toBe(text)
    await expect(lockFolder(folder, short)).rejects.toThrow('in use')
    await replaceLock()
    await setTimeout(50)
    await lock.release()
    expect(await readFile(path, 'utf8')).toBe('of another')
  })

  it('writes into no lock that came in place of its own, however close in time', async () => {
    for (let round = 0; round < 100; round++) {
      await rm(path, { force: true })
      const lock = await lockFolder(folder, { beat: 1, silence: 200 })
      await setTimeout(round % 4)
      await replaceLock()
      await setTimeout(2)
      await lock.release()
      expect(await readFile(path, 'utf8')).toBe('of another')
    }
  })

  it('refuses a folder that is not there', async () => {
    await expect(lockFolder(join(folder, 'none'))).rejects.toThrow(
      expect.objectContaining({ name: 'ConfigError', option: 'out' }),
    )
  })
})
