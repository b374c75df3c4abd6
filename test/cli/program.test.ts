import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatUint8Arrays } from 'typed-array-utils'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DeviceError, DivergenceError } from '../../src/errors.ts'
import { encodeSafetensors } from '../../src/files/safetensors.ts'
import { readTicket, writeTicket } from '../../src/tickets/stored-ticket.ts'
import { cifarRecords, idxLabels, writeCifar10, writeIdx } from '../data/synthetic.ts'
import { exampleTicket } from '../tickets/example-ticket.ts'
import { jsonOf, rst } from './run-rst.ts'

let data: string
let folder: string
let ticket: string
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'rst-cli-data-'))
  await writeCifar10(join(data, 'cifar'))
  await writeIdx(join(data, 'idx'))
})
afterAll(() => rm(data, { recursive: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-cli-'))
  ticket = join(folder, 'ticket.safetensors')
  await writeTicket(ticket, exampleTicket())
})
afterEach(() => rm(folder, { recursive: true }))

const cifar = () => ['--dataset', 'cifar10', '--data', join(data, 'cifar')]
const fashion = () => ['--dataset', 'fashion-mnist', '--data', join(data, 'idx')]
const out = () => join(folder, 'run')
const search = (...args: string[]) =>
  rst(['search', '--arch', 'conv2', ...fashion(), '--out', out(), ...args])

describe('rst search', () => {
  it('passes its options on and compares the ticket with a random mask', async () => {
    const ran = await rst([
      ...['search', '--arch', 'conv4', ...cifar(), '--out', out(), '--json', '--seed', '5', '--threads', '2'],
      ...[
        '--ratio',
        '0.1',
        '--pattern',
        'row',
        '--init',
        'kaiming-normal',
        '--attack',
        'pgd',
        '--eps',
        '4/255',
      ],
      ...[
        '--step-size',
        '1/255',
        '--steps',
        '3',
        '--epochs',
        '2',
        '--batch-size',
        '8',
        '--lr',
        '0.2',
        '--momentum',
        '0.8',
      ],
      ...[
        '--weight-decay',
        '0',
        '--label-smoothing',
        '0.1',
        '--schedule',
        'cosine',
        '--warmup-epochs',
        '1',
        '--width',
        '0.5',
      ],
      ...['--weight-seed', '6', '--score-seed', '7', '--no-augment', '--limit', '9', '--eval-limit', '3'],
      ...['--eval-eps', '2/255', '--eval-step-size', '0.5/255', '--eval-steps', '10'],
    ])
    expect(ran.stderr).not.toContain('error')
    expect(ran.code).toBe(0)
    const [options] = ran.calls.searchRST
    expect(options).toMatchObject({
      arch: 'conv4',
      remainingRatio: 0.1,
      pattern: 'row',
      init: 'kaiming-normal',
      epochs: 2,
      batchSize: 8,
      lr: 0.2,
      momentum: 0.8,
      weightDecay: 0,
      labelSmoothing: 0.1,
      schedule: { kind: 'cosine', warmupEpochs: 1 },
      width: 0.5,
      weightSeed: 6,
      scoreSeed: 7,
      augment: false,
      limit: 9,
      seed: 5,
      threads: 2,
      device: 'auto',
      resume: false,
      runDir: out(),
      inner: { name: 'pgd', settings: { eps: 4 / 255, stepSize: 1 / 255, steps: 3 } },
    })
    expect(options.data.info.name).toBe('cifar10')
    expect(ran.calls.randomTicket[0]).toMatchObject({
      arch: 'conv4',
      remainingRatio: 0.1,
      weightSeed: 6,
      runDir: undefined,
    })
    expect(ran.calls.evaluate).toHaveLength(2)
    expect(ran.calls.evaluate[0]).toMatchObject({
      limit: 3,
      seed: 5,
      attacks: [{ name: 'pgd', eps: 2 / 255, stepSize: 0.5 / 255, steps: 10 }],
    })
    expect(jsonOf(ran)).toMatchObject({
      ticket: join(out(), 'ticket.safetensors'),
      naturalAccuracy: 0.6,
      robustAccuracy: 0.3,
      remainingRatio: 0.1,
      parameters: { kept: 30, total: 100 },
      seconds: expect.any(Number),
      randomMask: { naturalAccuracy: 0.1 },
    })
    expect(ran.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(await readdir(out())).toEqual(['ticket.safetensors'])
  })

  it('has the defaults of the paper, and those of the data set', async () => {
    const onCifar = await rst(['search', ...cifar(), '--out', out()])
    expect(onCifar.calls.searchRST[0]).toMatchObject({
      arch: 'preact-resnet18',
      remainingRatio: 0.05,
      pattern: 'element',
      init: 'signed-kaiming-constant',
      epochs: 160,
      batchSize: 256,
      lr: 0.1,
      momentum: 0.9,
      weightDecay: 5e-4,
      schedule: { kind: 'step', warmupEpochs: 0 },
      seed: 0,
      augment: true,
      limit: undefined,
      inner: { name: 'pgd', settings: { eps: 8 / 255, steps: 7 } },
    })
    expect(onCifar.calls.evaluate[0].attacks[0]).toMatchObject({ eps: 8 / 255, steps: 20 })
    const onFashion = await search()
    expect(onFashion.calls.searchRST[0].inner.settings.eps).toBe(0.1)
  })

  it.each([
    ['fgsm', { name: 'fgsm', settings: { eps: 0.1, stepSize: 0.05 } }],
    ['fgsm-rs', { name: 'fgsm-rs', settings: { eps: 0.1, stepSize: 0.05 } }],
    ['free', { name: 'free', settings: { eps: 0.1, stepSize: 0.05, replays: 3 } }],
    ['none', null],
  ])('trains against %s', async (name, inner) => {
    const ran = await search('--attack', name, '--step-size', '0.05', '--steps', '3')
    expect(ran.code).toBe(0)
    if (inner === null) expect(ran.calls.searchRST[0].inner).toBeNull()
    else expect(ran.calls.searchRST[0].inner).toMatchObject(inner)
  })

  it('prints a table for people', async () => {
    const { stdout } = await search('--eval-limit', 'all')
    expect(stdout).toContain('accuracy      natural   pgd (L∞ 0.1)')
    expect(stdout).toMatch(/ticket +60\.0 % +30\.0 %/)
    expect(stdout).toMatch(/random mask +10\.0 % +5\.0 %/)
    expect(stdout).toContain('on 20 test images')
    expect(stdout).toContain('30 of 100 weights kept (30.0 %)')
    expect(stdout).toContain(`ticket saved to ${join(out(), 'ticket.safetensors')}`)
  })

  it('saves the measured accuracies in the ticket', async () => {
    await search()
    const { metadata } = await readTicket(join(out(), 'ticket.safetensors'))
    expect(metadata.accuracies).toEqual({ natural: 0.6, robust: 0.3 })
  })

  it('says that choosing the epoch on test images is the paper mode', async () => {
    const { stderr } = await search('--select-on', 'test')
    expect(stderr).toContain('paper mode')
    expect((await search('--select-on', 'train')).code).toBe(2)
  })

  it('prints plain lines of progress, few of them, on standard error', async () => {
    const { stderr } = await search()
    expect(stderr).toContain(
      'epoch 1/2  step 1/400  loss 2.000  accuracy 50.0 %  1,234 images/s  1 min 10 s left',
    )
    expect(stderr).toContain('epoch 2/2  step 400/400')
    expect(stderr.split('\n').filter(line => line.startsWith('search'))).toHaveLength(3)
    expect(stderr).toContain('evaluate ticket 100.0 %  natural  20/20 images  67 images/s  0 s left')
    expect(stderr).not.toContain('\x1b')
    expect((await search('--quiet')).stderr).toBe('')
  })

  it('draws one line over on a terminal', async () => {
    const args = ['search', '--arch', 'conv2', ...fashion(), '--out', out()]
    const { stderr } = await rst(args, { isTTY: true })
    expect(stderr).toContain('\r\x1b[2K\x1b[36msearch [####################] 100.0 %')
    expect(stderr.split('\n').length).toBeLessThan(8)
    for (const plain of [
      await rst(args, { isTTY: true, env: { NO_COLOR: '1' } }),
      await rst([...args, '--no-color'], { isTTY: true }),
    ]) {
      expect(plain.stderr).not.toContain('\x1b[36m')
    }
  })

  it('makes numbered run folders', async () => {
    const former = process.cwd()
    process.chdir(folder)
    try {
      for (let n = 0; n < 2; n++) await rst(['search', '--arch', 'conv2', ...fashion()])
    } finally {
      process.chdir(former)
    }
    expect((await readdir(join(folder, 'runs'))).sort()).toEqual([
      'search-conv2-fashion-mnist-1',
      'search-conv2-fashion-mnist-2',
    ])
  })

  it('resumes the run in --out', async () => {
    expect((await search('--resume')).calls.searchRST[0]).toMatchObject({ resume: true, runDir: out() })
    const without = await rst(['search', '--arch', 'conv2', ...fashion(), '--resume'])
    expect(without.code).toBe(2)
    expect(without.stderr).toContain('--resume needs the folder')
  })
})

describe('Ctrl-C', () => {
  it('stops a search with exit code 130 and tells how to go on', async () => {
    const args = ['search', '--arch', 'conv2', ...fashion(), '--out', out(), '--json']
    const ran = await rst(args, { duringSearch: interrupt => interrupt() })
    expect(ran.code).toBe(130)
    expect(ran.exited).toBeUndefined()
    expect(ran.stderr).toContain('press Ctrl-C again to stop at once')
    expect(ran.stderr).toContain(`--out ${out()} --resume`)
    expect(jsonOf(ran).error.code).toBe('ABORT_ERR')
    expect(ran.calls.evaluate).toBeUndefined()
  })

  it('pressed twice ends the process at once', async () => {
    const ran = await rst(['search', '--arch', 'conv2', ...fashion(), '--out', out()], {
      duringSearch: interrupt => {
        interrupt()
        interrupt()
      },
    })
    expect(ran.exited).toBe(130)
  })
})

describe('rst train', () => {
  it('trains a dense network', async () => {
    const ran = await rst([
      'train',
      '--arch',
      'conv2',
      ...fashion(),
      '--out',
      out(),
      '--attack',
      'none',
      '--json',
    ])
    expect(ran.code).toBe(0)
    expect(ran.calls.trainDense[0]).toMatchObject({ arch: 'conv2', inner: null, width: 1 })
    expect(jsonOf(ran)).toMatchObject({
      checkpoint: join(out(), 'model.safetensors'),
      naturalAccuracy: 0.6,
      robustAccuracy: 0.3,
    })
  })

  it('has no ratio', async () => {
    expect((await rst(['train', '--ratio', '0.1'])).code).toBe(2)
  })
})

describe('rst finetune', () => {
  it('trains the weights of a ticket', async () => {
    const ran = await rst([
      'finetune',
      '--ticket',
      ticket,
      '--weights',
      'reinit',
      '--data',
      join(data, 'idx'),
      '--out',
      out(),
      '--json',
    ])
    expect(ran.stderr).not.toContain('error')
    expect(ran.calls.finetune[0]).toMatchObject({
      weights: 'reinit',
      ticket: { metadata: { arch: 'conv2' } },
    })
    expect(ran.calls.finetune[0].data.info.name).toBe('fashion-mnist')
    expect(jsonOf(ran)).toMatchObject({
      ticket: join(out(), 'ticket.safetensors'),
      remainingRatio: 0.3,
      naturalAccuracy: 0.6,
    })
  })

  it('needs a ticket', async () => {
    const ran = await rst(['finetune'])
    expect([ran.code, ran.stderr]).toEqual([
      2,
      'error: --ticket is required: give the path of a ticket file.\n',
    ])
  })
})

describe('rst eval', () => {
  const evaluate = (...args: string[]) =>
    rst(['eval', '--ticket', ticket, '--data', join(data, 'idx'), ...args])

  it('attacks a ticket on the images it is for', async () => {
    const ran = await evaluate(
      '--attack',
      'pgd,fgsm',
      '--steps',
      '5',
      '--restarts',
      '2',
      '--limit',
      '7',
      '--json',
      '--out',
      out(),
    )
    expect(ran.code).toBe(0)
    expect(ran.calls.evaluate[0]).toMatchObject({
      limit: 7,
      batchSize: 256,
      attacks: [
        { name: 'pgd', eps: 0.1, steps: 5, restarts: 2, norm: 'linf' },
        { name: 'fgsm', eps: 0.1 },
      ],
    })
    const json = jsonOf(ran)
    expect(json).toMatchObject({ naturalAccuracy: 0.6, images: 7 })
    expect(Object.keys(json.attacks[0])).toEqual([
      'name',
      'eps',
      'norm',
      'robustAccuracy',
      'forwards',
      'backwards',
      'warnings',
    ])
    expect(ran.stderr).toContain('warning: fgsm: a single step is a weak attack')
    expect(JSON.parse(await readFile(join(out(), 'evaluation.json'), 'utf8'))).toEqual(json)
  })

  it('attacks in L2 when eps is given', async () => {
    expect((await evaluate('--norm', 'l2')).code).toBe(2)
    const ran = await evaluate('--norm', 'l2', '--eps', '510/255')
    expect(ran.calls.evaluate[0].attacks[0]).toMatchObject({ norm: 'l2', eps: 2 })
    expect(ran.stdout).toContain('pgd (L2 510/255)')
  })

  it('refuses images of another size', async () => {
    const ran = await rst(['eval', '--ticket', ticket, ...cifar()])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('for images of 1×28×28 pixels and 10 classes but cifar10 has 3×32×32')
  })

  it.each([
    ['a missing ticket', async () => rm(ticket), 'there is no such file'],
    [
      'a damaged ticket',
      async () => {
        const bytes = await readFile(ticket)
        bytes[bytes.length - 2] ^= 1
        await writeFile(ticket, bytes)
      },
      'the file is damaged',
    ],
    ['a ticket cut short', async () => truncate(ticket, 500), 'cut short'],
    [
      'a foreign safetensors file',
      async () => {
        const tensors = new Map([['w', { dtype: 'F32' as const, shape: [1], data: new Float32Array(1) }]])
        await writeFile(
          ticket,
          concatUint8Arrays(...encodeSafetensors({ metadata: { format: 'pt' }, tensors })),
        )
      },
      "format must be 'rst-ticket/1' but is pt",
    ],
    ['a file that is no ticket', async () => writeFile(ticket, 'hello, world'), 'not a safetensors file'],
  ])('refuses %s', async (_, damage, message) => {
    await damage()
    const ran = await evaluate()
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain(message)
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

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
    [['search', '--device', 'gpu'], 2, 'Expected one of auto, cpu for --device'],
    [['search', '--device', 'cuda:0'], 1, 'no CUDA backend'],
    [['search', 'extra'], 2, 'too many arguments'],
    [['search', '--lr'], 2, 'argument missing'],
    [['serach'], 2, 'Did you mean search?'],
    [['data', 'verify'], 2, "missing required argument 'dir'"],
    [['data', 'fetch', 'imagenet'], 2, 'There is no data set imagenet'],
    [['data', 'verify', '/no/such/folder'], 1, 'There is no folder /no/such/folder.'],
    [
      ['search', '--data', '/no/such/folder'],
      1,
      'cifar10 was not found in /no/such/folder. To get it, download',
    ],
    [[], 2, 'Usage: rst'],
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
      expect(ran.calls.searchRST).toBeUndefined()
    }
  })

  it('gives one JSON object with --json', async () => {
    const ran = await rst(['search', '--arch', 'none', '--json'])
    expect(ran.code).toBe(2)
    expect(jsonOf(ran)).toEqual({
      error: { code: 'ERR_RST_CONFIG', message: expect.stringContaining("'none'") },
    })
  })
})

describe('errors of the library', () => {
  const failing = (error: unknown, env = {}) =>
    rst(['doctor'], { env, library: { doctor: () => Promise.reject(error) } })

  it('that are typed give their sentence and exit code 1', async () => {
    expect(await failing(new DivergenceError('The loss became NaN at step 3.', 3))).toMatchObject({
      code: 1,
      stderr: 'error: The loss became NaN at step 3.\n',
    })
    expect((await failing(new DeviceError('No addon.'))).code).toBe(1)
  })

  it('show their stack with RST_DEBUG only', async () => {
    expect((await failing(new TypeError('bug'))).stderr).toBe(
      'error: bug\n(RST_DEBUG=1 shows where this came from)\n',
    )
    expect((await failing(new TypeError('bug'), { RST_DEBUG: '1' })).stderr).toContain('program.test.ts')
  })
})

describe('--config', () => {
  const withConfig = async (text: string, ...args: string[]) => {
    const file = join(folder, 'config.yaml')
    await writeFile(file, text)
    return rst(['search', '--config', file, ...args])
  }
  const base = () => `arch: conv2\ndataset: fashion-mnist\ndata: ${join(data, 'idx')}\nout: ${out()}\n`

  it('sets options by either spelling, and flags override it', async () => {
    const ran = await withConfig(
      `${base()}batch-size: 16\nevalSteps: 5\neps: 25.5/255\nratio: 0.3\nepochs: 7\naugment: false\nschedule: cosine\n`,
      '--ratio',
      '0.4',
    )
    expect(ran.stderr).not.toContain('error')
    expect(ran.calls.searchRST[0]).toMatchObject({
      batchSize: 16,
      remainingRatio: 0.4,
      epochs: 7,
      augment: false,
      inner: { settings: { eps: 0.1 } },
      schedule: { kind: 'cosine' },
    })
    expect(ran.calls.evaluate[0].attacks[0].steps).toBe(5)
  })

  it('overrides defaults even where a flag repeats one', async () => {
    const ran = await withConfig(`${base()}epochs: 7\nbatch-size: 16\n`, '--epochs', '160')
    expect(ran.calls.searchRST[0]).toMatchObject({ epochs: 160, batchSize: 16 })
  })

  it('may be JSON', async () => {
    const ran = await withConfig(
      JSON.stringify({
        arch: 'conv2',
        dataset: 'fashion-mnist',
        data: join(data, 'idx'),
        out: out(),
        json: true,
      }),
    )
    expect(jsonOf(ran).naturalAccuracy).toBe(0.6)
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
    ['augment: maybe', 'augment must be true or false but is "maybe"'],
    ['- a list', 'must hold options'],
    ['a: b: c', 'neither YAML nor JSON'],
    ['lr: 1\nlr: 2', 'neither YAML nor JSON'],
  ])('refuses %j', async (text, message) => {
    const ran = await withConfig(text)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(join(folder, 'config.yaml'))
    expect(ran.stderr).toContain(message)
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
    const ran = await rst(['eval', '--config', file])
    expect(ran.calls.evaluate[0].attacks.map((attack: { name: string }) => attack.name)).toEqual([
      'fgsm',
      'pgd',
    ])
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

  it('verifies a folder and tells what it holds', async () => {
    const ran = await rst(['data', 'verify', join(data, 'cifar'), '--json'])
    expect(jsonOf(ran)).toMatchObject({ dataset: 'cifar10', train: { images: 20 }, test: { images: 4 } })
    expect(jsonOf(await rst(['data', 'verify', join(data, 'idx'), '--json'])).dataset).toBe('mnist')
    const named = await rst(['data', 'verify', join(data, 'idx'), '--dataset', 'fashion-mnist'])
    expect(named.stdout).toContain('holds fashion-mnist; every file is sound')
    await mkdir(join(folder, 'empty'))
    expect((await rst(['data', 'verify', join(folder, 'empty')])).stderr).toContain(
      'holds no data set that rst reads',
    )
  })

  it.each([
    ['cifar10', 'https://www.cs.toronto.edu/~kriz/cifar.html'],
    ['fashion-mnist', 'apt-get install dataset-fashion-mnist'],
  ])('tells how to get %s', async (name, source) => {
    const ran = await rst(['data', 'fetch', name])
    expect(ran.code).toBe(0)
    expect(ran.stdout).toContain(source)
    expect(ran.stdout).toContain('rst downloads nothing by itself')
  })
})

describe('rst doctor', () => {
  it('shows what rst runs on', async () => {
    const ran = await rst(['doctor'])
    expect(ran.stdout).toMatch(/memory +8\.0 GiB/)
    expect(ran.stdout).toContain('not found; see rst data fetch mnist')
    expect(jsonOf(await rst(['doctor', '--json']))).toMatchObject({
      device: 'CPU, AVX2, 2 threads',
      datasets: [{ name: 'mnist', dir: null }, {}],
    })
  })
})

describe('help', () => {
  it.each(['search', 'train', 'finetune', 'eval', 'data', 'doctor'])(
    'of %s has an example',
    async command => {
      const ran = await rst([command, '--help'])
      expect(ran.code).toBe(0)
      expect(ran.stdout).toContain(`$ rst ${command}`)
    },
  )

  it('and the version come without the library', async () => {
    expect((await rst(['--help'])).stdout).toContain(
      'Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted',
    )
    expect((await rst(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
