import { existsSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { cifarRecords, idxLabels, writeCifar10, writeIdx } from '../data/synthetic.ts'
import { jsonOf, rst, silentIo } from './run-rst.ts'
import { data, fashion, folder, other, out, ticket, tiny, useWorkspace } from './workspace.ts'

useWorkspace()

describe('bad input', () => {
  it.each([
    [['search', '--ratio', '0'], 2, 'above 0 and up to 1 for --ratio but received 0'],
    [['search', '--ratio', '1.5'], 2, 'above 0 and up to 1 for --ratio but received 1.5'],
    [['search', '--eps', '8'], 2, 'did you mean 8/255?'],
    [['search', '--step-size', '2'], 2, 'did you mean 2/255?'],
    [['search', '--arch', 'resnet9000'], 2, "received 'resnet9000'"],
    [['search', '--epoch', '3'], 2, 'Did you mean --epochs?'],
    [['search', '--dataset', 'cifar-10'], 2, 'did you mean cifar10?'],
    [['search', '--attack', 'pdg'], 2, 'did you mean pgd?'],
    [['search', '--pattern', 'block'], 2, 'Expected one of element, row, kernel, channel for --pattern'],
    [['search', '--seed', '-1'], 2, 'for --seed but received -1'],
    [['search', '--batch-size', '0'], 2, 'for --batch-size but received 0'],
    [['search', '--device', 'gpu'], 2, 'Expected one of auto, cpu, cuda[:n] for --device'],
    [['search', '--device', 'cuda:x'], 2, "received 'cuda:x'"],
    [['search', 'extra'], 2, 'too many arguments'],
    [['search', '--lr'], 2, 'argument missing'],
    [['serach'], 2, 'Did you mean search?'],
    [['data', 'verify'], 2, "missing required argument 'dir'"],
    [['data', 'where', 'imagenet'], 2, 'There is no data set imagenet'],
    [['data', 'verify', '/no/such/folder'], 1, 'There is no folder /no/such/folder.'],
    [
      ['search', '--data', '/no/such/folder'],
      1,
      'cifar10 was not found. There is no folder /no/such/folder. To get it, download',
    ],
    [[], 2, 'All commands: rst --help'],
    [['data'], 2, 'Usage: rst data'],
  ])('%j gives exit code %d', async (args, code, message) => {
    const ran = await rst(args)
    expect(ran.stderr).toContain(message)
    expect(ran.code).toBe(code)
    expect(ran.stdout).toBe('')
  })

  it('in data files gives exit code 1 and names the file', async () => {
    const dir = join(folder, 'cifar')
    await writeCifar10(dir)
    const file = join(dir, 'data_batch_4.bin')
    const attempt = () =>
      rst(['search', '--arch', 'conv2', '--dataset', 'cifar10', '--data', dir, '--out', out()])
    await truncate(file, 4000)
    expect(await attempt()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${file} is cut short`),
    })
    await writeFile(
      file,
      cifarRecords(3, i => [i === 2 ? 77 : 0]),
    )
    expect(await attempt()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has label 77 at byte 6146'),
    })
    const idx = join(folder, 'idx')
    await writeIdx(idx)
    await writeFile(join(idx, 'train-images-idx3-ubyte'), idxLabels(9000))
    const ran = await rst(['search', '--arch', 'conv2', '--dataset', 'mnist', '--data', idx, '--out', out()])
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('the magic number of IDX images') })
  })

  it('in --out gives exit code 2 before anything is trained', async () => {
    await writeFile(join(folder, 'file'), '')
    for (const command of [
      ['search', '--arch', 'conv2', ...fashion()],
      ['eval', '--ticket', ticket, '--data', join(data, 'idx')],
    ]) {
      const ran = await rst([...command, '--out', join(folder, 'file', 'run')])
      expect(ran.code).toBe(2)
      expect(ran.stderr).toMatch(/error: Cannot write .* choose another --out\.\n/)
      expect(ran.stderr).not.toContain('run folder is')
    }
  })

  it('gives one JSON object with --json', async () => {
    const ran = await rst(['search', '--arch', 'none', '--json'])
    expect(ran.code).toBe(2)
    expect(jsonOf(ran)).toEqual({
      error: { code: 'ERR_RST_CONFIG', message: expect.stringContaining("'none'") },
    })
  })

  it('a device that is not there ends every command that computes, before a folder is made', async () => {
    const commands = [
      ['search', ...tiny, ...fashion()],
      ['train', ...tiny, ...fashion()],
      ['finetune', ticket, '--data', join(data, 'idx'), '--epochs', '1', '--batch-size', '10'],
      ['eval', ticket, ...fashion()],
      ['transfer', ticket, other, ...fashion()],
      ['r2s', ticket, other, ...fashion()],
    ]
    for (const command of commands) {
      const ran = await rst([...command, '--device', 'cuda', '--out', out()])
      expect(ran.stderr).toContain('No CUDA backend is installed')
      expect(ran.code).toBe(1)
      expect(existsSync(out()), command[0]).toBe(false)
    }
  })
})

describe('errors', () => {
  it('that are typed give their sentence and exit code 1', async () => {
    await writeFile(ticket, 'no ticket')
    const ran = await rst(['info', ticket])
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: .*\.\n$/) })
  })

  /** A bug: a program whose output cannot be written. */
  const failing = async (env = {}) => {
    let stderr = ''
    const io = silentIo({
      stdout: {
        write() {
          throw new TypeError('bug')
        },
      },
      stderr: { write: text => (stderr += text) },
      env,
    })
    const code = await run(['data', 'list'], io)
    return { code, stderr }
  }

  it('that are bugs show their stack with RST_DEBUG only', async () => {
    expect(await failing()).toEqual({
      code: 1,
      stderr: 'error: bug\n(RST_DEBUG=1 shows where this came from)\n',
    })
    expect((await failing({ RST_DEBUG: '1' })).stderr).toContain('errors.test.ts')
  })
})
