// --resume takes what a run is from the run's own config.json.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rst } from './run-rst.ts'
import { cifar, data, out, useWorkspace } from './workspace.ts'

useWorkspace()

const images = () => ['--data', join(data, 'idx')]
const tiny = [
  '--arch',
  'conv2',
  '--width',
  '0.05',
  '--batch-size',
  '10',
  '--eval-limit',
  '2',
  '--eval-steps',
  '1',
]
const threads = ['--threads', '1']

describe('rst search --resume --out DIR', () => {
  it.each<[string, string[]]>([
    ['by default', ['--epochs', '1']],
    [
      'against fgsm-rs, keeping the last epoch',
      ['--epochs', '2', '--attack', 'fgsm-rs', '--select-on', 'last'],
    ],
    [
      'against pgd, choosing on held-out images',
      ['--epochs', '2', '--select-every', '1', '--validation-images', '6'],
    ],
    [
      'choosing on test images',
      ['--epochs', '2', '--select-every', '1', '--select-on', 'test', '--validation-images', '5'],
    ],
    ['on a part of the images, free', ['--epochs', '2', '--limit', '20', '--attack', 'free', '--steps', '2']],
    [
      'naturally',
      ['--epochs', '1', '--attack', 'none', '--no-augment', '--schedule', 'cosine', '--seed', '7'],
    ],
    [
      'with every mask option',
      [
        ...['--epochs', '1', '--ratio', '0.3', '--pattern', 'row', '--init', 'kaiming-normal'],
        ...['--weight-seed', '3', '--score-seed', '4', '--eps', '0.05', '--step-size', '0.02'],
        ...['--attack', 'fgsm', '--lr', '0.3', '--momentum', '0.5', '--weight-decay', '0.001'],
        ...['--label-smoothing', '0.1', '--schedule', 'constant'],
      ],
    ],
  ])('needs no other option: %s', { timeout: 60_000 }, async (_, options) => {
    const run = ['--dataset', 'mnist', ...images(), ...tiny, ...threads, '--out', out()]
    const first = await rst(['search', ...run, ...options])
    expect(first.stderr).not.toContain('error')
    const ticket = await readFile(join(out(), 'ticket.safetensors'))
    const evaluations = await readFile(join(out(), 'evaluation.json'), 'utf8')
    const ran = await rst(['search', '--resume', '--out', out(), ...threads])
    expect(ran.stderr).not.toContain('error')
    expect(ran.code).toBe(0)
    expect((await readFile(join(out(), 'ticket.safetensors'))).equals(ticket)).toBe(true)
    const again = JSON.parse(await readFile(join(out(), 'evaluation.json'), 'utf8'))
    const former = JSON.parse(evaluations)
    for (const { ticket } of [again, former]) {
      expect(ticket).toMatchObject({ images: 2, naturalAccuracy: former.ticket.naturalAccuracy })
      expect(ticket.attacks[0].settings.steps).toBe(1)
    }
  })

  it('refuses options that differ from the run, and takes those that agree', {
    timeout: 60_000,
  }, async () => {
    const run = ['--dataset', 'mnist', ...images(), ...tiny, ...threads, '--out', out()]
    expect((await rst(['train', ...run, '--epochs', '1'])).code).toBe(0)
    const again = ['train', '--resume', '--out', out(), ...threads]
    expect((await rst([...again, '--arch', 'conv2', '--epochs', '1'])).code).toBe(0)
    for (const [option, value] of [
      ['epochs', '2'],
      ['lr', '0.2'],
      ['width', '0.1'],
      ['dataset', 'fashion-mnist'],
    ]) {
      const ran = await rst([...again, `--${option}`, value])
      expect(ran.code).toBe(2)
      expect(ran.stderr).toMatch(new RegExp(`has ${option} = .* but now it is`))
    }
    const other = await rst(['search', '--resume', '--out', out()])
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is one of rst train: give rst train'),
    })
  })

  it.each<[string, string | undefined, string]>([
    ['no run', undefined, 'holds no run to resume'],
    ['a damaged config.json', '{"command":', 'is not JSON'],
    ['a deep config.json', '['.repeat(1000), 'is not JSON'],
    ['a list', '[]', 'is not the configuration of a run'],
  ])('refuses %s', async (_, text, message) => {
    await mkdir(out())
    if (text !== undefined) await writeFile(join(out(), 'config.json'), text)
    const ran = await rst(['search', '--resume', '--out', out()])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(message)
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  it('leaves defaults where the run has none', async () => {
    await mkdir(out())
    await writeFile(
      join(out(), 'config.json'),
      JSON.stringify({ command: 'search', dataset: 'cifar10', lr: 0.5 }),
    )
    const ran = await rst(['search', '--resume', '--out', out(), ...cifar().slice(2), '--arch', 'conv4'])
    // Options of the run and its flags are taken; what it lacks has its default, which the run refuses as different.
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the run was started by another version of rst-native'),
    })
    expect(ran.stderr).toContain('Searching in conv4 on cifar10')
  })
})
