import { rmSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readTicket } from '../../src/saved/stored-ticket.ts'
import { jsonOf, rst } from './run-rst.ts'
import { cifar, fashion, folder, out, search, tiny, useWorkspace } from './workspace.ts'

useWorkspace()

const stored = async (name: string) => JSON.parse(await readFile(join(out(), name), 'utf8'))

describe('rst search', () => {
  it('passes its options on and compares the ticket with a random mask', async () => {
    const ran = await rst([
      ...['search', '--arch', 'conv4', ...cifar(), '--out', out(), '--json', '--seed', '5', '--threads', '2'],
      ...['--ratio', '0.1', '--pattern', 'row', '--init', 'kaiming-normal', '--attack', 'pgd'],
      ...['--eps', '4/255', '--step-size', '1/255', '--steps', '3', '--epochs', '2', '--batch-size', '8'],
      ...['--lr', '0.2', '--momentum', '0.8', '--weight-decay', '0', '--label-smoothing', '0.1'],
      ...['--schedule', 'cosine', '--warmup-epochs', '1', '--width', '0.05', '--weight-seed', '6'],
      ...['--score-seed', '7', '--no-augment', '--limit', '9', '--eval-limit', '3', '--data-seed', '8'],
      ...['--eval-eps', '2/255', '--eval-step-size', '0.5/255', '--eval-steps', '10'],
    ])
    expect(ran.stderr).not.toContain('error')
    expect(ran.code).toBe(0)
    expect(await stored('config.json')).toMatchObject({
      command: 'search',
      arch: 'conv4',
      dataset: 'cifar10',
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
      width: 0.05,
      weightSeed: 6,
      scoreSeed: 7,
      augment: false,
      trainImages: 9,
      seed: 5,
      dataSeed: 8,
      inner: { name: 'pgd-3', eps: 4 / 255, stepSize: 1 / 255, steps: 3 },
    })
    expect(await stored('command.json')).toEqual({
      data: cifar()[3],
      evalLimit: 3,
      evalEps: 2 / 255,
      evalStepSize: 0.5 / 255,
      evalSteps: 10,
    })
    const { ticket, randomMask } = await stored('evaluation.json')
    for (const { images, attacks, provenance } of [ticket, randomMask]) {
      expect(images).toBe(3)
      expect(provenance.data.which).toEqual({ subsetSeed: 8 })
      expect(provenance.attacks).toMatchObject([{ seed: 5 }])
      expect(attacks).toMatchObject([
        { name: 'pgd-10', eps: 2 / 255, settings: { stepSize: 0.5 / 255, steps: 10 } },
      ])
      expect(attacks[0]).not.toHaveProperty('brokenBy')
    }
    const json = jsonOf(ran)
    expect(Object.keys(json)).toEqual([
      ...['ticket', 'naturalAccuracy', 'naturalInterval', 'robustAccuracy', 'robustInterval'],
      ...['remainingRatio', 'parameters', 'seconds', 'randomMask', 'provenance', 'date'],
    ])
    expect(json).toMatchObject({
      ticket: join(out(), 'ticket.safetensors'),
      naturalAccuracy: ticket.naturalAccuracy,
      robustAccuracy: ticket.attacks[0].robustAccuracy,
      remainingRatio: 0.1,
      randomMask: { naturalAccuracy: randomMask.naturalAccuracy },
    })
    expect(ran.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect((await readdir(out())).sort()).toEqual([
      ...['checkpoints', 'command.json', 'config.json', 'evaluation.json', 'metrics.jsonl'],
      'ticket.safetensors',
    ])
  })

  it('has the defaults of the paper, and those of the data set', async () => {
    const few = ['--width', '0.02', '--steps', '1', '--eval-limit', '1', '--threads', '1']
    const ran = await rst(['search', ...cifar(), '--out', out(), ...few], {
      during: [/ search /, interrupt => interrupt()],
    })
    expect(ran.code).toBe(130)
    expect(await stored('config.json')).toMatchObject({
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
      inner: { name: 'pgd-1', eps: 8 / 255 },
    })
    expect(await stored('command.json')).toMatchObject({ evalSteps: 20 })
    await rename(out(), `${out()}-of-cifar`)
    await search()
    expect((await stored('config.json')).inner).toMatchObject({ eps: 0.1, stepSize: 0.025, steps: 7 })
    expect((await stored('evaluation.json')).ticket.attacks).toMatchObject([{ eps: 0.1 }])
  })

  const step = ['--step-size', '0.05']
  it.each([
    ['fgsm', step, { name: 'fgsm', eps: 0.1, stepSize: 0.05 }],
    ['fgsm-rs', step, { name: 'fgsm-rs', eps: 0.1, stepSize: 0.05 }],
    ['free', [...step, '--steps', '3'], { eps: 0.1, stepSize: 0.05, replays: 3 }],
    ['none', [], null],
  ])('trains against %s', async (name, options, inner) => {
    expect((await search('--attack', name, ...options)).code).toBe(0)
    const config = await stored('config.json')
    if (inner === null) expect(config.inner).toBeNull()
    else expect(config.inner).toMatchObject(inner)
  })

  it('prints a table for people', async () => {
    const { stdout } = await search('--eval-limit', 'all')
    const { ticket, randomMask } = await stored('evaluation.json')
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`
    expect(stdout).toMatch(/accuracy +natural +pgd-1 \(L∞ 0\.1\)\n/)
    for (const [label, { naturalAccuracy, attacks }] of [
      ['ticket', ticket],
      ['random mask', randomMask],
    ] as const) {
      const row = stdout.split('\n').find(line => line.startsWith(`${label}  `))!
      expect(row.match(/[\d.]+ %/g)).toEqual([percent(naturalAccuracy), percent(attacks[0].robustAccuracy)])
    }
    expect(stdout).toContain('on 20 images of fashion-mnist test; 95 % intervals in brackets')
    expect(stdout).toMatch(/ticket − random mask, on the same images: natural [+−]?[\d.]+ points \(/)
    expect(stdout).toMatch(/[\d,]+ of [\d,]+ weights kept \(\d\.\d %\), \d+ s\n/)
    expect(stdout).toContain(`ticket saved to ${join(out(), 'ticket.safetensors')}`)
  })

  it('saves the measured accuracies in the ticket', async () => {
    const ran = await search('--json')
    const { naturalAccuracy, naturalInterval, robustAccuracy, provenance } = jsonOf(ran)
    const { metadata } = await readTicket(join(out(), 'ticket.safetensors'))
    expect(metadata.accuracies).toEqual({ natural: naturalAccuracy, robust: robustAccuracy })
    expect(metadata.measured).toMatchObject({
      natural: { interval: naturalInterval, data: { name: 'fashion-mnist test', images: 4 } },
      robust: { attack: provenance.attacks[0], version: provenance.version },
    })
    expect(metadata.measured!.natural.attack).toBeUndefined()
  })

  it('says that choosing the epoch on test images is the paper mode', async () => {
    const { stderr } = await search('--select-on', 'test')
    expect(stderr).toContain('paper mode')
    expect((await search('--select-on', 'train')).code).toBe(2)
  })

  it('prints plain lines of progress, few of them, on standard error', async () => {
    const { stderr } = await search('--epochs', '20')
    expect(stderr).toMatch(
      /^2026-01-02T03:04:05Z {2}search +1\.7 % {2}\d+ s left {2}epoch 1\/20 {2}step 1\/60 {2}loss [\d.]+ {2}accuracy [\d.]+ % {2}[\d,]+ images\/s {2}0 s gone$/m,
    )
    expect(stderr).toContain('epoch 20/20  step 60/60')
    expect(stderr.split('\n').filter(line => line.includes('  search ')).length).toBe(2)
    expect(stderr).toMatch(/Z {2}evaluate ticket +[\d.]+ % {2}\d+ s left {2}\S+ {2}\d\/\d images/)
    expect(stderr).toMatch(/Z {2}evaluate random mask +[\d.]+ % /)
    expect(stderr).not.toContain('\x1b')
    rmSync(out(), { recursive: true })
    expect((await search('--quiet')).stderr).toBe('')
  })

  it('draws one line over on a terminal', async () => {
    const drawn = async (args: string[], env = {}) => {
      rmSync(out(), { recursive: true, force: true })
      return (await rst(['search', ...tiny, ...fashion(), '--out', out(), ...args], { isTTY: true, env }))
        .stderr
    }
    const stderr = await drawn([])
    expect(stderr).toContain('\r\x1b[2K\x1b[36msearch [####################] 100.0 %')
    expect(stderr.split('\n').length).toBeLessThan(8)
    for (const plain of [await drawn([], { NO_COLOR: '1' }), await drawn(['--no-color'])]) {
      expect(plain).not.toContain('\x1b[36m')
    }
  })

  it('makes numbered run folders', async () => {
    const former = process.cwd()
    process.chdir(folder)
    try {
      for (let n = 0; n < 2; n++) await rst(['search', ...tiny, ...fashion()])
    } finally {
      process.chdir(former)
    }
    expect((await readdir(join(folder, 'runs'))).sort()).toEqual([
      'search-conv2-fashion-mnist-1',
      'search-conv2-fashion-mnist-2',
    ])
  })

  it('searches in the trained model of --from, and its random mask too', async () => {
    const dense = join(folder, 'dense')
    await rst(['train', ...tiny, ...fashion(), '--out', dense])
    const model = join(dense, 'model.safetensors')
    expect((await search('--from', model, '--reinit-classifier')).code).toBe(0)
    expect(await stored('config.json')).toHaveProperty('from')
    expect(await stored('command.json')).toMatchObject({ from: model })
    const { metadata, weights } = await readTicket(join(out(), 'ticket.safetensors'))
    expect(metadata.recipe).toMatchObject({ search: 'rtt' })
    expect(weights).toBeDefined()
  })

  it('resumes the run in --out', async () => {
    await search('--epochs', '2')
    const once = await readFile(join(out(), 'ticket.safetensors'))
    expect((await search('--epochs', '2', '--resume')).code).toBe(0)
    expect((await readFile(join(out(), 'ticket.safetensors'))).equals(once)).toBe(true)
    const without = await rst(['search', ...tiny, ...fashion(), '--resume'])
    expect(without.code).toBe(2)
    expect(without.stderr).toContain('--resume needs the folder')
  })
})

describe('Ctrl-C', () => {
  const long = ['--epochs', '1000', '--json']
  const interrupted = (act: (interrupt: (signal?: NodeJS.Signals) => void) => void) =>
    rst(['search', ...tiny, ...fashion(), '--out', out(), ...long], { during: [/ search /, act] })

  it('stops a search with exit code 130 and tells how to go on', async () => {
    const ran = await interrupted(interrupt => interrupt())
    expect(ran.code).toBe(130)
    expect(ran.exited).toBeUndefined()
    expect(ran.stderr).toContain('press Ctrl-C again to stop at once')
    expect(ran.stderr).toContain(`--out ${out()} --resume`)
    expect(jsonOf(ran).error.code).toBe('ABORT_ERR')
    expect(await readdir(join(out(), 'checkpoints'))).toHaveLength(1)
    expect(await readdir(out())).not.toContain('evaluation.json')
  })

  it('pressed twice ends the process at once, but not one press that npx passes on too', async () => {
    const pressed = (times: number) => {
      rmSync(out(), { recursive: true, force: true })
      return interrupted(interrupt => {
        // 50 ms pass at each.
        for (let i = 0; i < times; i++) interrupt()
      })
    }
    expect((await pressed(2)).exited).toBeUndefined()
    expect((await pressed(11)).exited).toBe(130)
  })

  it.each(['SIGTERM', 'SIGHUP'] as const)('and %s is as good, however often it comes', async signal => {
    const ran = await interrupted(interrupt => {
      for (let i = 0; i < 100; i++) interrupt(signal)
    })
    expect([ran.code, ran.exited]).toEqual([130, undefined])
    expect(ran.stderr).toContain(`${signal}: stopping after this step`)
    expect(ran.stderr).toContain(`--out ${out()} --resume`)
    expect(jsonOf(ran).error.code).toBe('ABORT_ERR')
  })

  it('in the closing evaluation leaves a run that --resume completes', async () => {
    const ran = await rst(['search', ...tiny, ...fashion(), '--out', out()], {
      during: [/ evaluate ticket /, interrupt => interrupt()],
    })
    expect(ran.code).toBe(130)
    expect(await readdir(out())).not.toContain('evaluation.json')
    expect((await search('--resume')).code).toBe(0)
    expect(await readdir(out())).toContain('evaluation.json')
  })
})

describe('the run folder', () => {
  it('gets checkpoints by time', async () => {
    const names = async () => (await readdir(join(out(), 'checkpoints'))).sort()
    await search('--checkpoint-minutes', '0', '--epochs', '2')
    expect(await names()).toEqual(['step-00000003.safetensors', 'step-00000006.safetensors'])
    rmSync(out(), { recursive: true })
    expect((await search('--checkpoint-minutes', '-1')).code).toBe(2)
  })

  it('that is damaged is mended with a warning', async () => {
    await search('--epochs', '2')
    const newest = (await readdir(join(out(), 'checkpoints'))).sort().at(-1)!
    await writeFile(join(out(), 'checkpoints', newest), 'nonsense')
    const { code, stderr } = await search('--epochs', '2', '--resume')
    expect(code).toBe(0)
    expect(stderr).toContain(`warning: `)
    expect(stderr).toContain(newest)
  })

  it('that is deleted during the search is a failure, not wrong use', async () => {
    const ran = await rst(['search', ...tiny, ...fashion(), '--out', out(), '--json'], {
      during: [/ search /, () => rmSync(out(), { recursive: true })],
    })
    expect(ran.code).toBe(1)
    expect(jsonOf(ran).error).toMatchObject({ code: 'ERR_RST_FILE' })
    expect(ran.stderr).toContain('was it deleted')
  })

  it.skipIf(process.platform !== 'linux')('that cannot be made is wrong use, at once', async () => {
    for (const place of ['/proc/nowhere', '/proc/nowhere/deep', '/dev/null', '/dev/null/run']) {
      const ran = await rst(['search', '--arch', 'conv2', ...fashion(), '--out', place])
      expect(ran.code, place).toBe(2)
      expect(ran.stderr).toContain('choose another --out')
      expect(ran.stderr).not.toContain('step 1/')
    }
  })

  it('of another run is not taken', async () => {
    await mkdir(out())
    await writeFile(join(out(), 'config.json'), JSON.stringify({ command: 'search' }))
    expect((await search()).stderr).toContain('holds a run already')
  })
})
