// rst r2s and rst transfer, killed at random moments and resumed. RST_KILLS=100 kills more often than the few times that
// fit into the tests.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { datasets } from '../../src/data/datasets.ts'
import { Draws } from '../../src/random/draws.ts'
import { Purpose, RandomStream } from '../../src/random/philox.ts'
import { Device } from '../../src/tensor/device.ts'
import { writeIdx } from '../data/synthetic.ts'
import { quickTicket } from '../r2s/small-tickets.ts'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const built = existsSync(main)
if (!built) console.warn(`skipped: ${main} is not built; run npm run build:all`)
const kills = Number(process.env.RST_KILLS ?? 2)

let folder: string
let common: string[]
beforeAll(async () => {
  if (!built) return
  folder = await mkdtemp(join(tmpdir(), 'rst-kill-'))
  const idx = join(folder, 'idx')
  await writeIdx(idx)
  const data = await datasets.open('fashion-mnist', idx)
  const device = new Device({ threads: 1 })
  const tickets: string[] = []
  for (const ratio of [0.3, 0.6]) {
    using made = await quickTicket(ratio, device, { data, width: 0.1, batchSize: 8 })
    tickets.push(join(folder, `${ratio}.safetensors`))
    await made.save(tickets.at(-1)!)
  }
  common = ['--tickets', tickets.join(','), '--data', idx, '--eps', '0.02', '--batch-size', '2', '--quiet']
})
afterAll(async () => built && rm(folder, { recursive: true }))

/** Kills a run after `milliseconds`, or lets it end. */
async function killed(args: string[], milliseconds: number): Promise<number | null> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds)
  const code = await new Promise<number | null>(resolve => child.on('exit', resolve))
  clearTimeout(timer)
  return code
}

async function untimed(file: string): Promise<string> {
  return JSON.stringify(JSON.parse(await readFile(file, 'utf8')), (key, value) =>
    ['seconds', 'date'].includes(key) ? 0 : value,
  )
}

describe.skipIf(!built)('rst', () => {
  it.each([
    ['r2s', ['--adversary', 'eot', '--steps', '30']],
    ['r2s', ['--attack', 'pgd', '--steps', '20']],
    ['transfer', ['--attack', 'apgd-ce', '--steps', '20']],
  ])(
    '%s, killed at random moments, goes on to the report of a run that was never stopped: %j',
    async (command, attack) => {
      const args = [command, ...common, ...attack]
      const started = performance.now()
      const whole = join(folder, `whole-${command}-${attack[1]}`)
      const ran = spawnSync(process.execPath, [main, ...args, '--threads', '1', '--out', whole])
      expect(ran.status).toBe(0)
      const length = performance.now() - started
      const expected = await untimed(join(whole, `${command}.json`))

      const draws = new Draws(new RandomStream(1, Purpose.noise))
      const state = (out: string) => join(out, 'evaluation-state', 'config.json')
      let interrupted = 0
      for (let k = 0; k < kills; k++) {
        const out = join(folder, `killed-${command}-${attack[1]}-${k}`)
        // Most of a short run is its start, before which nothing is kept.
        let code = await killed(
          [...args, '--threads', '1', '--out', out],
          length * (0.3 + 0.7 * draws.uniform()),
        )
        while (code !== 0) {
          expect(code).toBe(null)
          const resume = existsSync(state(out))
          if (resume) interrupted++
          // Then killed again, or not.
          const rest = draws.integer(2) === 0 ? length * draws.uniform() : 60_000
          code = await killed(
            [...args, '--threads', '2', '--out', out, ...(resume ? ['--resume'] : [])],
            rest,
          )
        }
        expect(await readdir(out)).toEqual([`${command}.json`])
        expect(await untimed(join(out, `${command}.json`))).toBe(expected)
      }
      if (kills >= 10) console.log(`${command} ${attack[1]}: ${kills} runs, resumed ${interrupted} times`)
      if (kills >= 10) expect(interrupted).toBeGreaterThan(kills / 4)
    },
    600_000,
  )
})
