import { rmSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { readTicket } from '../../src/saved/stored-ticket.ts'
import { jsonOf, rst } from './run-rst.ts'
import { cifar, fashion, folder, out, search, useWorkspace } from './workspace.ts'

useWorkspace()

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
    expect(await readdir(out())).toEqual(['command.json', 'evaluation.json', 'ticket.safetensors'])
    const evaluations = JSON.parse(await readFile(join(out(), 'evaluation.json'), 'utf8'))
    expect(evaluations).toMatchObject({
      ticket: { naturalAccuracy: 0.6, attacks: [{ name: 'pgd', robustAccuracy: 0.3 }] },
      randomMask: { naturalAccuracy: 0.1 },
    })
    expect(evaluations.ticket.attacks[0]).not.toHaveProperty('brokenBy')
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

  const step = ['--step-size', '0.05']
  it.each([
    ['fgsm', step, { name: 'fgsm', settings: { eps: 0.1, stepSize: 0.05 } }],
    ['fgsm-rs', step, { name: 'fgsm-rs', settings: { eps: 0.1, stepSize: 0.05 } }],
    ['free', [...step, '--steps', '3'], { name: 'free', settings: { eps: 0.1, stepSize: 0.05, replays: 3 } }],
    ['none', [], null],
  ])('trains against %s', async (name, options, inner) => {
    const ran = await search('--attack', name, ...options)
    expect(ran.code).toBe(0)
    if (inner === null) expect(ran.calls.searchRST[0].inner).toBeNull()
    else expect(ran.calls.searchRST[0].inner).toMatchObject(inner)
  })

  it('prints a table for people', async () => {
    const { stdout } = await search('--eval-limit', 'all')
    expect(stdout).toMatch(/accuracy +natural +pgd \(L∞ 0\.1\)\n/)
    expect(stdout).toMatch(/ticket +60\.0 % \(55\.0–65\.0\) +30\.0 % \(25\.0–35\.0\)/)
    expect(stdout).toMatch(/random mask +10\.0 % \(5\.0–15\.0\) +5\.0 % \(0\.0–10\.0\)/)
    expect(stdout).toContain(
      'on 20 of 10,000 images of mnist test (subset of seed 0); 95 % intervals in brackets',
    )
    // The fake attacks break the same of two images of both models.
    expect(stdout).toContain('ticket − random mask, on the same images: natural 0.0 points (')
    expect(stdout).toContain('30 of 100 weights kept (30.0 %)')
    expect(stdout).toContain(`ticket saved to ${join(out(), 'ticket.safetensors')}`)
  })

  it('saves the measured accuracies in the ticket', async () => {
    await search()
    const { metadata } = await readTicket(join(out(), 'ticket.safetensors'))
    expect(metadata.accuracies).toEqual({ natural: 0.6, robust: 0.3 })
    expect(metadata.measured).toMatchObject({
      natural: { interval: [expect.closeTo(0.55), expect.closeTo(0.65)], data: { name: 'mnist test' } },
      robust: { attack: { name: 'pgd', eps: 0.1, seed: 0 }, version: '0.1.0' },
    })
    expect(metadata.measured!.natural.attack).toBeUndefined()
  })

  it('says that choosing the epoch on test images is the paper mode', async () => {
    const { stderr } = await search('--select-on', 'test')
    expect(stderr).toContain('paper mode')
    expect((await search('--select-on', 'train')).code).toBe(2)
  })

  it('prints plain lines of progress, few of them, on standard error', async () => {
    const { stderr } = await search()
    expect(stderr).toContain(
      'epoch 1/2  step 1/400  loss 2.000  accuracy 50.0 %  1,234 images/s  1 min 10 s left  0 s gone',
    )
    expect(stderr).toContain('epoch 2/2  step 400/400')
    expect(stderr.split('\n').filter(line => line.startsWith('search'))).toHaveLength(11)
    expect(stderr).toContain('evaluate ticket  50.0 %  natural  20/20 images  1 min 10 s left')
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

  it('searches in the trained model of --from, and its random mask too', async () => {
    const { calls } = await search('--from', 'dense.safetensors', '--reinit-classifier', '--threads', '1')
    expect(calls.loadDense[0]).toEqual({ path: 'dense.safetensors', options: { device: 'auto', threads: 1 } })
    for (const options of [calls.searchRST[0], calls.randomTicket[0]]) {
      expect(options).toMatchObject({ from: { path: 'dense.safetensors' }, reinitClassifier: true })
    }
  })

  it('resumes the run in --out', async () => {
    await mkdir(out())
    await writeFile(join(out(), 'config.json'), JSON.stringify({ command: 'search' }))
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

  it('pressed twice ends the process at once, but not one press that npx passes on too', async () => {
    const args = ['search', '--arch', 'conv2', ...fashion(), '--out', out()]
    const pressed = (times: number) =>
      rst(args, {
        duringSearch: interrupt => {
          // 50 ms pass at each.
          for (let i = 0; i < times; i++) interrupt()
        },
      })
    expect((await pressed(2)).exited).toBeUndefined()
    expect((await pressed(11)).exited).toBe(130)
  })

  it.each(['SIGTERM', 'SIGHUP'] as const)('and %s is as good, however often it comes', async signal => {
    const args = ['search', '--arch', 'conv2', ...fashion(), '--out', out(), '--json']
    const ran = await rst(args, {
      duringSearch: interrupt => {
        for (let i = 0; i < 100; i++) interrupt(signal)
      },
    })
    expect([ran.code, ran.exited]).toEqual([130, undefined])
    expect(ran.stderr).toContain(`${signal}: stopping after this step`)
    expect(ran.stderr).toContain(`--out ${out()} --resume`)
    expect(jsonOf(ran).error.code).toBe('ABORT_ERR')
  })
})

describe('the run folder', () => {
  it('gets checkpoints by time, and warnings reach the terminal', async () => {
    const { calls, stderr } = await search('--checkpoint-minutes', '2.5')
    expect(calls.searchRST[0].checkpointMinutes).toBe(2.5)
    expect((await search()).calls.searchRST[0].checkpointMinutes).toBe(10)
    expect((await search('--checkpoint-minutes', '-1')).code).toBe(2)
    expect(stderr).not.toContain('warning')
    const searchRST = async (options: { onWarning?: (message: string) => void }) => {
      options.onWarning?.('a checkpoint is damaged')
      throw new ConfigError('enough', 'arch')
    }
    const ran = await rst(['search', '--arch', 'conv2', ...fashion(), '--out', out()], {
      library: { searchRST },
    })
    expect(ran.stderr).toContain('warning: a checkpoint is damaged')
  })

  it('that is deleted during the search is a failure, not wrong use', async () => {
    const ran = await rst(['search', '--arch', 'conv2', ...fashion(), '--out', out(), '--json'], {
      duringSearch: () => rmSync(out(), { recursive: true }),
    })
    expect(ran.code).toBe(1)
    expect(jsonOf(ran).error).toMatchObject({ code: 'ERR_RST_FILE' })
    expect(ran.stderr).toContain('was it deleted')
  })

  it.skipIf(process.platform !== 'linux')('that cannot be made is wrong use, at once', async () => {
    for (const place of ['/proc/nowhere', '/proc/nowhere/deep', '/dev/null', '/dev/null/run']) {
      const ran = await rst(['search', '--arch', 'conv2', ...fashion(), '--out', place])
      expect([ran.code, ran.calls.searchRST], place).toEqual([2, undefined])
      expect(ran.stderr).toContain('choose another --out')
    }
  })
})
