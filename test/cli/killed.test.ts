// The built program, stopped by signals and killed, and resumed.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RandomStream } from '../../src/random/philox.ts'
import { writeIdx } from '../data/synthetic.ts'
import { untimed } from '../training/untimed.ts'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const built = existsSync(main)
if (!built) console.warn(`skipped: ${main} is not built; run npm run build:all`)

/** More of them, and other moments, by hand: RST_KILLS=100 RST_KILL_SEED=2. */
const kills = Number(process.env.RST_KILLS ?? 3)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-killed-'))
  await writeIdx(join(folder, 'data'))
})
afterAll(() => rm(folder, { recursive: true }))

const options =
  '--arch conv2 --width 0.1 --dataset mnist --data data --attack fgsm --eps 0.05 --epochs 20 --batch-size 8 --lr 0.5 --schedule constant --ratio 0.3 --select-every 1 --validation-images 6 --checkpoint-minutes 0.0005 --eval-limit 5 --eval-steps 1 --threads 1'

/** Starts the search whose folder is `out`, or goes on with it. */
function start(out: string): ChildProcess & { printed: string } {
  const resume = existsSync(join(folder, out, 'config.json')) ? ['--resume'] : []
  const args = [main, 'search', ...options.split(' '), '--out', out, ...resume]
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const started = Object.assign(child, { printed: '' })
  child.stderr!.on('data', text => {
    started.printed += text
  })
  return started
}

const exitOf = (child: ChildProcess) =>
  new Promise<number | string>(resolve => child.once('close', (code, signal) => resolve(code ?? signal!)))

async function finished(out: string): Promise<{ ticket: Buffer; metrics: object[] }> {
  const child = start(out)
  expect(await exitOf(child), child.printed).toBe(0)
  expect(child.printed).not.toContain('warning')
  return resultOf(out)
}

async function resultOf(out: string): Promise<{ ticket: Buffer; metrics: object[] }> {
  const left = await readdir(join(folder, out), { recursive: true })
  expect(left.filter(name => /^\.|\/\.|tmp|damaged/.test(name))).toEqual([])
  const ticket = await readFile(join(folder, out, 'ticket.safetensors'))
  return { ticket, metrics: untimed(await readFile(join(folder, out, 'metrics.jsonl'), 'utf8')) }
}

/** Resolves once the search has done something, or ended. */
async function atWork(child: ChildProcess & { printed: string }): Promise<void> {
  while (!child.printed.includes('images/s') && child.exitCode === null) await setTimeout(5)
}

describe.skipIf(!built)('rst search', () => {
  let whole: { ticket: Buffer; metrics: object[] }
  /** Milliseconds from the first step to the end. */
  let duration: number
  beforeAll(async () => {
    const child = start('whole')
    const exit = exitOf(child)
    await atWork(child)
    const begun = performance.now()
    expect(await exit, child.printed).toBe(0)
    duration = performance.now() - begun
    whole = await resultOf('whole')
  }, 120_000)

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends with 130 on %s, and goes on to the same ticket',
    async signal => {
      const child = start(signal)
      const exit = exitOf(child)
      await atWork(child)
      child.kill(signal)
      // As npx does.
      child.kill(signal)
      expect(await exit).toBe(130)
      expect(child.printed).toContain(`--out ${signal} --resume`)
      expect(await finished(signal)).toEqual(whole)
    },
  )

  it('goes on to the same ticket however often it is killed', {
    timeout: 60_000 + 20_000 * kills,
  }, async () => {
    const draws = new RandomStream(Number(process.env.RST_KILL_SEED ?? 1), 5)
    let killed = 0
    for (let run = 0; killed < kills; run++) {
      const out = `killed-${run}`
      for (let kill = 0; kill < 2; kill++) {
        const child = start(out)
        const exit = exitOf(child)
        // Some before the first step, some while the ticket is saved and evaluated.
        if (draws.word(3 * run + kill) % 5 > 0) await atWork(child)
        await setTimeout((draws.word(1000 + 3 * run + kill) / 2 ** 32) * duration)
        child.kill('SIGKILL')
        if ((await exit) === 'SIGKILL') killed++
      }
      expect(await finished(out), out).toEqual(whole)
    }
  })

  it('refuses a folder in which another one works, and takes over once that is dead', async () => {
    const child = start('shared')
    const exit = exitOf(child)
    await atWork(child)
    child.kill('SIGSTOP')
    const second = start('shared')
    expect(await exitOf(second)).toBe(2)
    expect(second.printed).toContain(`in use by process ${child.pid} on `)
    child.kill('SIGKILL')
    await exit
    expect(await finished('shared')).toEqual(whole)
  })
})
