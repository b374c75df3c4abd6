// Help of every command: groups, width, examples that can be run; and colours.
import { describe, expect, it } from 'vitest'
import { hasColours } from '../../src/cli/colours.ts'
import { optionGroups } from '../../src/cli/help.ts'
import { type Conditions, rst } from './run-rst.ts'

const names = [
  'search',
  'train',
  'finetune',
  'eval',
  'info',
  'transfer',
  'r2s',
  'doctor',
  'completion',
  'help',
]
const commands = ['', ...names, 'data', 'data list', 'data verify', 'data where']

async function helpOf(command: string, conditions: Conditions = {}): Promise<string> {
  const ran = await rst([...command.split(' ').filter(Boolean), '--help'], { columns: 80, ...conditions })
  expect([ran.code, ran.stderr]).toEqual([0, ''])
  return ran.stdout
}

/** The command lines under "Examples:", whole again. */
function examplesIn(help: string): string[] {
  const lines = help
    .split('Examples:\n')[1]
    .replaceAll(/ \\\n +/g, ' ')
    .split('\n')
  return lines.filter(line => line.startsWith('  $ ')).map(line => line.slice(4))
}

describe('the help of', () => {
  it('rst names all commands', async () => {
    const help = await helpOf('')
    for (const name of [...names, 'data']) expect(help).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'))
    expect(help).not.toMatch(/^ {2}complete\b/m)
    expect(help).toContain('Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted')
  })

  it.each(commands)('rst %s fits 80 columns, wherever it is printed', async command => {
    for (const conditions of [{}, { isTTY: true, columns: 300 }, { isTTY: true, columns: 80 }]) {
      const lines = (await helpOf(command, { ...conditions, env: { NO_COLOR: '1' } })).split('\n')
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
    }
  })

  it.each(commands)('rst %s has every option in a group', async command => {
    const headings = [...(await helpOf(command)).matchAll(/^(\w.*):$/gm)].map(([, heading]) => heading)
    expect(headings).not.toContain('Options')
    const groups = headings.filter(heading => heading in optionGroups)
    expect(groups).toEqual(Object.keys(optionGroups).filter(name => groups.includes(name)))
    expect(groups).toContain('General')
  })

  it('all commands together has every option of the groups', async () => {
    const all = (await Promise.all(commands.map(command => helpOf(command)))).join('')
    const listed = Object.values(optionGroups).flat()
    expect(new Set(listed).size).toBe(listed.length)
    for (const name of listed) {
      const flag = name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
      expect(all).toMatch(new RegExp(`^ {2}(-\\w, )?--(no-)?${flag}\\b`, 'm'))
    }
  })

  it.each(commands)('rst %s has examples whose options are right', async command => {
    const examples = examplesIn(await helpOf(command))
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      expect(example).toMatch(new RegExp(`^rst ${command}`))
      // With --help options are read, and nothing is done.
      const ran = await rst([
        ...example
          .replace(/ >> .*/, '')
          .split(' ')
          .slice(1),
        '--help',
      ])
      expect([ran.code, ran.stderr], example).toEqual([0, ''])
    }
  })
})

describe('rst alone', () => {
  it('shows the three commands to begin with, and where help is', async () => {
    const { code, stdout, stderr } = await rst([], { columns: 80 })
    expect([code, stdout]).toEqual([2, ''])
    const lines = stderr.split('\n')
    expect(lines.filter(line => line.startsWith('  $ rst '))).toHaveLength(3)
    expect(stderr).toContain('rst --help')
    expect(lines.length).toBeLessThan(12)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
    expect(await rst(['--no-color', '--quiet'], { columns: 80 })).toEqual({ ...(await rst([])), stderr })
  })

  it('shows what the help shows, runnable one after the other', async () => {
    const help = await helpOf('')
    const examples = examplesIn(help)
    expect(examples[1]).toContain('--out first')
    expect(examples[2]).toContain('first/ticket.safetensors')
    const { stderr } = await rst([], { columns: 80 })
    for (const line of help.split('Examples:\n')[1].split('\n\n')[0].split('\n'))
      expect(stderr).toContain(line)
  })
})

describe('colours', () => {
  it.each<[Record<string, string>, boolean, boolean]>([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ TERM: 'dumb' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
    [{ CLICOLOR: '0' }, true, false],
    [{ CLICOLOR: '1' }, false, false],
    [{ CLICOLOR_FORCE: '1' }, false, true],
    [{ CLICOLOR_FORCE: '0' }, false, false],
    [{ CLICOLOR_FORCE: '1', NO_COLOR: '1' }, false, false],
  ])('with %j on a terminal (%s): %s', (env, isTTY, expected) => {
    expect(hasColours({ isTTY }, env)).toBe(expected)
  })

  it('are of help and errors where they are seen, and nowhere else', async () => {
    const shown = async (conditions: Conditions, ...more: string[]) => {
      const help = await rst(['search', '--help', ...more], conditions)
      const error = await rst(['search', '--eps', '8', ...more], conditions)
      return [help.stdout, error.stderr].map(text => text.includes('\x1b['))
    }
    expect(await shown({ isTTY: true })).toEqual([true, true])
    expect(await shown({ isTTY: true }, '--no-color')).toEqual([false, false])
    expect(await shown({ isTTY: true, env: { NO_COLOR: '1' } })).toEqual([false, false])
    expect(await shown({})).toEqual([false, false])
    expect(await shown({ env: { FORCE_COLOR: '1' } })).toEqual([true, true])
  })
})
