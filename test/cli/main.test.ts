// The built program as a process of its own.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeIdx } from '../data/synthetic.ts'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const built = existsSync(main)
if (!built) console.warn(`skipped: ${main} is not built; run npm run build:all`)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-main-'))
})
afterEach(() => rm(folder, { recursive: true }))

const rst = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1' },
  })

describe.skipIf(!built)('rst', () => {
  it('exits with 0, 1 and 2', () => {
    expect(rst('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    expect(rst('data', 'verify', 'none')).toMatchObject({
      status: 1,
      stderr: 'error: There is no folder none.\n',
    })
    expect(rst('search', '--eps', '8')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean 8/255?'),
    })
  })

  it('stops on Ctrl-C with 130 and a checkpoint', { timeout: 120_000 }, async () => {
    await writeIdx(join(folder, 'data'))
    const options =
      '--arch conv2 --width 0.25 --dataset mnist --data data --attack fgsm --epochs 100000 --batch-size 10 --ratio 0.3 --threads 1 --out run'
    const child = spawn(process.execPath, [main, 'search', ...options.split(' ')], { cwd: folder })
    child.stderr.once('data', function interrupt(text) {
      if (String(text).includes('images/s')) child.kill('SIGINT')
      else child.stderr.once('data', interrupt)
    })
    const code = await new Promise(resolve => child.on('exit', resolve))
    expect(code).toBe(130)
    expect(await readdir(join(folder, 'run', 'checkpoints'))).not.toHaveLength(0)
  })
})
