// Every option with every attack, adversary and way of selection: it is read, or refused by name.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { adversaryNames, evaluationAttackNames } from '../../src/cli/attack-options.ts'
import { innerReaders } from '../../src/cli/inner-readers.ts'
import { adversaryReaders } from '../../src/cli/make-adversary.ts'
import { attackReaders } from '../../src/cli/make-attack.ts'
import { flagOf } from '../../src/cli/values.ts'
import { jsonOf, rst, settingsOf } from './run-rst.ts'
import { data, fashion, folder, out, search, ticket, tiny, useWorkspace } from './workspace.ts'

useWorkspace()

const images = () => ['--data', join(data, 'idx'), '--threads', '1', '--limit', '1', '--json']
/** A value of each option, and the key and value by which the library is given it. */
const settings: Record<string, { flags: string[]; key: string; value: unknown }> = {
  loss: { flags: ['--loss', 'dlr'], key: 'loss', value: 'dlr' },
  stepSize: { flags: ['--step-size', '0.03'], key: 'stepSize', value: 0.03 },
  steps: { flags: ['--steps', '3'], key: 'steps', value: 3 },
  restarts: { flags: ['--restarts', '2'], key: 'restarts', value: 2 },
  queries: { flags: ['--queries', '7'], key: 'queries', value: 7 },
  onlyCorrect: { flags: ['--only-correct'], key: 'onlyCorrect', value: true },
}
const l2 = (name: string) => (name === 'cw-l2' ? ['--norm', 'l2', '--eps', '1'] : [])
const keyOf = (name: string, setting: string) =>
  name === 'cw-l2' && setting === 'steps' ? 'iterations' : settings[setting].key

const everyAttack = evaluationAttackNames.flatMap(attack =>
  Object.keys(settings).map(setting => ({
    attack,
    setting,
    read: attackReaders[attack].reads.includes(setting),
  })),
)

it('each attack has the flags that scripts give it', () => {
  const flags = Object.fromEntries(
    Object.entries({ ...attackReaders, ...adversaryReaders }).map(([name, { reads }]) => [
      name,
      [...reads].sort().join(' '),
    ]),
  )
  expect(flags).toEqual({
    'apgd-ce': 'restarts steps',
    'apgd-dlr': 'restarts steps',
    'apgd-t': 'restarts steps',
    autoattack: '',
    'autoattack-plus': '',
    bandits: 'queries',
    'cw-l2': 'steps',
    'cw-linf': 'restarts stepSize steps',
    fab: 'restarts steps',
    'fab-t': 'restarts steps',
    fgsm: 'stepSize',
    'fgsm-rs': 'stepSize',
    pgd: 'loss onlyCorrect restarts stepSize steps',
    square: 'queries restarts',
    random: 'attack loss onlyCorrect queries restarts simulate stepSize steps',
    arc: 'singles stepSize steps',
    'ensemble-logits': 'restarts singles stepSize steps',
    'ensemble-probs': 'restarts singles stepSize steps',
    eot: 'restarts singles stepSize steps',
    'eot-apgd': 'restarts singles steps',
  })
})

describe.each(everyAttack)('--attack $attack with $setting (read: $read)', ({ attack, setting, read }) => {
  const commands = () => [
    ['transfer', '--tickets', ticket],
    ['r2s', '--tickets', ticket],
    ...(setting === 'onlyCorrect' ? [] : [['eval', '--ticket', ticket]]),
  ]
  it('is passed on or refused', async () => {
    for (const command of commands()) {
      const ran = await rst([
        ...[...command, ...images(), '--attack', attack],
        ...[...l2(attack), ...settings[setting].flags],
      ])
      if (read) {
        expect(ran.stderr).not.toContain('error')
        expect(settingsOf(ran)[0][keyOf(attack, setting)]).toBe(settings[setting].value)
        continue
      }
      expect(ran.code).toBe(2)
      expect(ran.stderr).toMatch(new RegExp(`^error: ${flagOf(setting)} is for --attack .*, not ${attack}: `))
    }
  })
})

describe.each(adversaryNames.filter(name => name !== 'random'))('--adversary %s', adversary => {
  const all = {
    ...settings,
    simulate: { flags: ['--simulate', '3'] },
    attack: { flags: ['--attack', 'pgd'] },
  }
  it.each(Object.keys(all))('reads or refuses %s', async setting => {
    const flags = all[setting as 'attack'].flags
    const ran = await rst(['r2s', '--tickets', ticket, ...images(), '--adversary', adversary, ...flags])
    if (adversaryReaders[adversary].reads.includes(setting)) {
      const { key, value } = settings[setting]
      expect(settingsOf(ran)[0][key]).toBe(value)
      return
    }
    expect(ran.code).toBe(2)
    expect(ran.stderr).toMatch(
      new RegExp(`^error: ${flagOf(setting)} is for --adversary random.*, not ${adversary}: `),
    )
  })
})

describe.each(Object.keys(innerReaders))('training against %s', attack => {
  it.each([
    ['eps', ['--eps', '0.05'], 0.05],
    ['stepSize', ['--step-size', '0.05'], 0.05],
    ['steps', ['--steps', '3'], 3],
  ])('reads or refuses %s', async (setting, flags, value) => {
    const ran = await search('--attack', attack, ...flags)
    if (innerReaders[attack].reads.includes(setting)) {
      const key = attack === 'free' && setting === 'steps' ? 'replays' : setting
      expect(JSON.parse(await readFile(join(out(), 'config.json'), 'utf8')).inner[key]).toBe(value)
      return
    }
    expect(ran.code).toBe(2)
    expect(ran.stderr).toMatch(new RegExp(`^error: ${flagOf(setting)} is for --attack .*, not ${attack}: `))
    expect(ran.stderr).not.toContain('run folder is')
  })
})

describe('options that go together', () => {
  it.each([
    [
      ['--select-on', 'last', '--select-every', '2'],
      '--select-every is for --select-on validation, test, not',
    ],
    [['--select-on', 'last', '--validation-images', '5'], '--validation-images is for --select-on'],
    [['--reinit-classifier'], '--reinit-classifier is for --from only'],
    [['--from', 'dense.safetensors', '--init', 'kaiming-normal'], "with --from they are the model's"],
    [['--from', 'dense.safetensors', '--weight-seed', '3'], '--weight-seed draws weights'],
    [['--attack', 'none', '--eps', '0.1'], '--eval-eps'],
  ])('refuses %j', async (flags, message) => {
    const ran = await search(...flags, '--json')
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(message)
    expect(jsonOf(ran).error.code).toBe('ERR_RST_CONFIG')
    expect(ran.stderr).not.toContain('run folder is')
  })

  it.each([
    [['--select-on', 'test', '--select-every', '2', '--validation-images', '5']],
    [['--attack', 'none', '--eval-eps', '0.1']],
  ])('takes %j', async flags => {
    expect((await search(...flags)).code).toBe(0)
  })

  it('takes a weight seed for the classifier that is drawn anew', async () => {
    const dense = join(folder, 'dense')
    expect((await rst(['train', ...tiny, ...fashion(), '--out', dense])).code).toBe(0)
    const from = ['--from', join(dense, 'model.safetensors'), '--reinit-classifier', '--weight-seed', '3']
    expect((await search(...from)).code).toBe(0)
  })

  const evaluate = (...flags: string[]) => rst(['eval', '--ticket', ticket, ...images(), ...flags])

  it('of several attacks one has to read an option', async () => {
    const [fgsm, square] = settingsOf(await evaluate('--attack', 'fgsm,square', '--queries', '7'))
    expect(fgsm).not.toHaveProperty('queries')
    expect(square.queries).toBe(7)
    const ran = await evaluate('--attack', 'fgsm,autoattack', '--queries', '7')
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('--queries is for --attack bandits, square, not fgsm, autoattack')
  })

  it('keys of --config are refused as flags are, and false is as not given', async () => {
    const file = join(folder, 'eval.yaml')
    await writeFile(file, 'attack: fgsm\nsteps: 50\n')
    expect(await evaluate('--config', file)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--steps is for --attack'),
    })
    expect((await evaluate('--config', file, '--attack', 'pgd')).code).toBe(0)
    await writeFile(file, 'attack: fgsm\nonly-correct: false\n')
    const transfer = ['transfer', '--tickets', ticket, ...images(), '--config', file]
    expect((await rst(transfer)).code).toBe(0)
  })
})
