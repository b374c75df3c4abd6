import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { jsonOf, rst, settingsOf } from './run-rst.ts'
import { data, folder, out, ticket, useWorkspace } from './workspace.ts'

useWorkspace()

describe('--config', () => {
  const withConfig = async (text: string, ...args: string[]) => {
    const file = join(folder, 'config.yaml')
    await writeFile(file, text)
    return rst(['search', '--config', file, ...args])
  }
  const base = () =>
    `arch: conv2\nwidth: 0.05\ndataset: fashion-mnist\ndata: ${join(data, 'idx')}\nout: ${out()}\nthreads: 1\nevalLimit: 2\n`
  const stored = async (name: string) => JSON.parse(await readFile(join(out(), name), 'utf8'))

  it('sets options by either spelling, and flags override it', async () => {
    const ran = await withConfig(
      `${base()}batch-size: 16\nevalSteps: 5\neps: 25.5/255\nratio: 0.3\nepochs: 2\naugment: false\nschedule: cosine\n`,
      '--ratio',
      '0.4',
    )
    expect(ran.stderr).not.toContain('error')
    expect(await stored('config.json')).toMatchObject({
      batchSize: 16,
      remainingRatio: 0.4,
      epochs: 2,
      augment: false,
      inner: { eps: 0.1 },
      schedule: { kind: 'cosine' },
    })
    expect(await stored('command.json')).toMatchObject({ evalSteps: 5 })
  })

  it('overrides defaults even where a flag repeats one', async () => {
    await withConfig(`${base()}epochs: 1\nbatch-size: 16\nratio: 0.4\n`, '--ratio', '0.05')
    expect(await stored('config.json')).toMatchObject({ remainingRatio: 0.05, epochs: 1, batchSize: 16 })
  })

  it('may be JSON', async () => {
    const options = { arch: 'conv2', width: 0.05, epochs: 1, evalLimit: 2, evalSteps: 1, threads: 1 }
    const files = { dataset: 'fashion-mnist', data: join(data, 'idx'), out: out() }
    const ran = await withConfig(JSON.stringify({ ...options, ...files, json: true }))
    expect(jsonOf(ran).ticket).toBe(join(out(), 'ticket.safetensors'))
  })

  it.each([
    ['epoch: 3', 'unknown option epoch: did you mean epochs?'],
    ['batchsize: 3', 'unknown option batchsize: did you mean batch-size?'],
    ['banana: 3', 'unknown option banana (known: '],
    ['config: other.yaml', 'unknown option config'],
    ['ratio: 1.5', 'received 1.5'],
    ['eps: 8', 'did you mean 8/255?'],
    ['ratio: [0.1, {}]', 'must be a text or a number'],
    ['ratio: true', 'must be a text or a number'],
    ['ratio:', 'must be a text or a number but is null'],
    ['ratio: []', 'must be a text or a number but is an array of 0'],
    ['out: [a, b]', 'out must be one value, not a list, but is'],
    ['augment: maybe', 'augment must be true or false but is "maybe"'],
    ['- a list', 'must hold options'],
    ['a: b: c', 'cannot be read as YAML or JSON'],
    ['lr: 1\nlr: 2', 'cannot be read as YAML or JSON'],
  ])('refuses %j', async (text, message) => {
    const ran = await withConfig(text)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(join(folder, 'config.yaml'))
    expect(ran.stderr).toContain(message)
  })

  it.each<[string, string, string]>([
    ['a cycle', 'lr: &x [*x]', 'an alias stands within what it stands for'],
    ['a cycle at the top', '&x {lr: *x}', 'an alias stands within what it stands for'],
    ['an alias of nothing', 'lr: *x', 'Unresolved alias'],
    [
      'aliases that grow without end',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((c, i) => `${c}: &${c} [${`*${'abcdefgh'[i]},`.repeat(9)}]`).join('\n')}`,
      'Excessive alias count',
    ],
    ['deep brackets', '['.repeat(20_000), 'deeper than 64 levels'],
    ['deep JSON', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`, 'deeper than 64 levels'],
    ['depth behind an odd quote', `# "\n${'['.repeat(20_000)}`, 'deeper than 64 levels'],
    ['deep dashes', '- '.repeat(20_000), 'deeper than 64 levels'],
    ['deep question marks', '? '.repeat(20_000), 'deeper than 64 levels'],
    [
      'deep indentation',
      Array.from({ length: 400 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      'deeper than 64 levels',
    ],
    ['colons in a row', 'a: '.repeat(20_000), 'Nested mappings are not allowed'],
    ['a tag', 'lr: !!js/function "x"', 'Unresolved tag'],
    ['two documents', 'lr: 1\n---\nlr: 2', 'multiple documents'],
    ['a key twice, deep', 'lr: {a: {b: 1, b: 2}}', 'the key b is given twice, again at line 1, column 16'],
    ['a list as a key', '? [lr]\n: 1', 'a key is a list or a mapping'],
    ['a special key', '__proto__: 1', 'unknown option __proto__'],
    ['an inherited key', 'constructor: 1', 'unknown option constructor'],
    ['a text', 'hello', 'must hold options'],
    ['a number', '5', 'must hold options'],
    ['binary content', '\0\x01\x02', 'config.yaml'],
    ['too much', `# ${'x'.repeat(1 << 20)}`, 'more than the 262144 that such a file may have'],
  ])('refuses %s', async (_, text, message) => {
    const ran = await withConfig(text)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(join(folder, 'config.yaml'))
    expect(ran.stderr).toContain(message)
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  it.each<[string, (file: string) => unknown, string]>([
    ['a folder', file => mkdir(file), 'it is a folder'],
    ['a pipe', file => execFileSync('mkfifo', [file]), 'no regular file but a pipe'],
    ['a device', file => symlink('/dev/zero', file), 'no regular file but a pipe, socket or device'],
    [
      'what is not UTF-8',
      file => writeFile(file, Buffer.of(0x61, 0xff, 0xfe)),
      'not valid for encoding utf-8',
    ],
  ])('refuses %s', async (_, make, message) => {
    const file = join(folder, 'config.yaml')
    await make(file)
    const ran = await rst(['search', '--config', file])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(message)
  })

  it('may be empty', async () => {
    for (const text of ['', '# nothing', 'null', '{}']) {
      const file = join(folder, 'config.yaml')
      await writeFile(file, text)
      expect((await rst(['data', 'list', '--config', file])).code).toBe(0)
    }
  })

  it('refuses a file that is missing', async () => {
    expect(await rst(['search', '--config', join(folder, 'none.yaml')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no such file'),
    })
  })

  it('takes a list of attacks', async () => {
    const file = join(folder, 'eval.yaml')
    await writeFile(file, `ticket: ${ticket}\ndata: ${join(data, 'idx')}\nattack: [fgsm, pgd]\n`)
    const ran = await rst(['eval', '--config', file, '--limit', '2', '--json'])
    expect(settingsOf(ran).map(({ name }) => name)).toEqual(['fgsm', 'pgd-20'])
  })
})

describe('rst data', () => {
  it('lists the data sets', async () => {
    const ran = await rst(['data', 'list', '--json'])
    expect(jsonOf(ran).datasets.map((entry: { name: string }) => entry.name)).toEqual([
      'cifar10',
      'cifar100',
      'mnist',
      'fashion-mnist',
    ])
  })

  it('verifies a folder, naming the file at fault', async () => {
    const ran = await rst(['data', 'verify', join(data, 'cifar'), '--json'])
    expect(ran.code).toBe(1)
    expect(jsonOf(ran).error.message).toContain('data_batch_1.bin is cut short: it has 4 images')
    expect((await rst(['data', 'verify', join(data, 'idx')])).stderr).toContain('of the official 60000')
    await mkdir(join(folder, 'empty'))
    expect((await rst(['data', 'verify', join(folder, 'empty')])).stderr).toContain('empty is empty.')
    await writeFile(join(folder, 'empty', 'notes'), '')
    expect((await rst(['data', 'verify', join(folder, 'empty')])).stderr).toContain(
      'holds no data set that rst reads',
    )
  })

  it('asks which of several data sets to verify', async () => {
    const ran = await rst(['data', 'verify', data])
    expect(ran).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('holds cifar10 and mnist and fashion-mnist: choose one of them'),
    })
  })

  const debian = '/usr/share/datasets/fashion-mnist'
  if (!existsSync(debian)) console.warn(`skipped: ${debian} is not there`)
  it.skipIf(!existsSync(debian))('tells what a sound folder holds, and what was compared', async () => {
    const { code, stdout } = await rst(['data', 'verify', debian])
    expect(code).toBe(0)
    expect(stdout).toContain('holds fashion-mnist; every file is sound.')
    expect(stdout).toContain('train: 60,000 images, 6000 to 6000 a class')
    expect(stdout).toContain('training pixels: mean 0.2860, standard deviation 0.3530')
    expect(jsonOf(await rst(['data', 'verify', debian, '--json']))).toMatchObject({
      dataset: 'fashion-mnist',
      test: { images: 10_000 },
    })
  })

  it('has no fetch, since it downloads nothing', async () => {
    expect((await rst(['data', 'fetch', 'cifar10'])).code).toBe(2)
  })

  it.each([
    ['cifar10', 'https://www.cs.toronto.edu/~kriz/cifar.html'],
    ['fashion-mnist', 'apt-get install dataset-fashion-mnist'],
  ])('tells how to get %s', async (name, source) => {
    const ran = await rst(['data', 'where', name])
    expect(ran.code).toBe(0)
    expect(ran.stdout).toContain(source)
    expect(ran.stdout).toContain('rst downloads nothing by itself')
  })
})

describe('rst doctor', () => {
  it('shows what rst runs on', async () => {
    const ran = await rst(['doctor'])
    const json = jsonOf(await rst(['doctor', '--json']))
    expect(ran.code).toBe(0)
    expect(ran.stdout).toMatch(/memory +[\d.]+ GiB/)
    expect(ran.stdout).toContain(json.device)
    expect(ran.stdout).toMatch(new RegExp(`simd target +${json.facts.simdTarget}\\n`))
    expect(ran.stdout).toMatch(new RegExp(`sparse below direct +${json.facts.sparseBelowDirect}\\n`))
    expect(ran.stdout).toMatch(/cuda +No CUDA backend is installed/)
    expect(json.datasets.map(({ name }: { name: string }) => name)).toContain('mnist')
    expect(ran.stdout).not.toContain('conv1')
  })

  it('shows the kernels of an architecture and of a ticket', async () => {
    const asked = ['doctor', '--arch', 'conv4', '--width', '0.5', '--dataset', 'mnist', '--ratio', '0.05']
    const ran = await rst(asked)
    expect(ran.stdout).toMatch(/conv1 +3×3 +1 → 32 +1 +28×28 +[\d.]+ % +\w+\n/)
    const ofTicket = jsonOf(await rst(['doctor', '--ticket', ticket, '--json'])).layers
    expect(ofTicket).toMatchObject([{ name: 'conv1', forward: expect.any(String) }, {}, {}, {}])
  })

  it.each([
    [['--ratio', '0.1'], '--ratio needs --arch'],
    [['--ticket', 'a', '--pattern', 'row'], '--pattern needs --arch'],
    [['--arch', 'conv4'], '--arch needs --ratio'],
    [['--arch', 'conv4', '--ratio', '1', '--ticket', 'a'], 'received both'],
    [['--arch', 'conv5', '--ratio', '1'], "received 'conv5'"],
  ])('refuses %j', async (options, message) => {
    const ran = await rst(['doctor', ...options])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(message)
  })
})

it('the version is printed', async () => {
  expect((await rst(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})
