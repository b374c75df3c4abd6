// What the Tab key completes: by the tables of commands and options, and by real shells in a pseudo-terminal.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rst } from './run-rst.ts'

/** What may stand for the last word: values without their descriptions, and what else. */
async function completed(...words: string[]): Promise<{ values: string[]; rest: string }> {
  const { code, stdout, stderr } = await rst(['complete', '--', ...words])
  expect([code, stderr]).toEqual([0, ''])
  const lines = stdout.trimEnd().split('\n')
  const rest = lines.pop()!
  expect(rest).toMatch(/^:(files|folders|none)$/)
  return { values: lines.map(line => line.split('\t')[0]), rest: rest.slice(1) }
}
const valuesOf = async (line: string) => (await completed(...line.split(' '))).values

describe('rst complete', () => {
  it.each<[string, string[]]>([
    ['se', ['search']],
    ['data ', ['list', 'verify', 'where', 'help']],
    ['data where fash', ['fashion-mnist']],
    ['data where cifar10 --q', ['--quiet']],
    ['help fine', ['finetune']],
    ['help data w', ['where']],
    ['help eval ', []],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['search --select-e', ['--select-every']],
    ['search --select-on ', ['validation', 'test', 'last']],
    ['search --arch wide', ['wide-resnet-34-10']],
    ['search --arch=wide', ['--arch=wide-resnet-34-10']],
    ['search --device ', ['auto', 'cpu', 'cuda']],
    ['search --limit ', ['all']],
    ['search --epochs ', []],
    ['search --resume --dataset mn', ['mnist']],
    ['eval --attack fgsm,pg', ['fgsm,pgd']],
    ['eval --attack fgsm,fg', ['fgsm,fgsm-rs']],
    ['eval --attack=fgsm,pg', ['--attack=fgsm,pgd']],
    ['eval a.safetensors --nor', ['--norm']],
    ['r2s a b --adversary eot', ['eot', 'eot-apgd']],
    ['search nothing --what --lr', ['--lr']],
    ['eval -- --at', []],
    ['unknown --at', []],
  ])('%j', async (line, values) => {
    expect(await valuesOf(line)).toEqual(values)
  })

  it('lists the commands, but not itself', async () => {
    const values = await valuesOf('')
    expect(values.slice(0, 3)).toEqual(['search', 'train', 'finetune'])
    expect(values).toContain('help')
    expect(values).not.toContain('complete')
  })

  it('lists the flags that are not given yet, most used first', async () => {
    const all = await valuesOf('search --')
    expect(all[0]).toBe('--arch')
    expect(all).toContain('--help')
    expect(await valuesOf('search ')).toEqual(all)
    const open = await valuesOf('search --arch conv2 --json --')
    expect(open).toEqual(all.filter(flag => !['--arch', '--json'].includes(flag)))
  })

  it.each([
    ['eval ', 'files'],
    ['r2s a b ', 'files'],
    ['info a', 'files'],
    ['search --from ', 'files'],
    ['search --config ', 'files'],
    ['search --out ', 'folders'],
    ['search --data=x', 'folders'],
    ['data verify ', 'folders'],
    ['search --epochs ', 'none'],
    ['search --arch ', 'none'],
    ['eval a ', 'none'],
  ])('%j leaves %s to the shell', async (line, rest) => {
    expect((await completed(...line.split(' '))).rest).toBe(rest)
  })

  it('offers for each option of each command only what it takes', { timeout: 120_000 }, async () => {
    const commands = (await valuesOf('')).filter(name => !['help', 'completion', 'data'].includes(name))
    expect(commands.length).toBeGreaterThan(7)
    let tried = 0
    for (const command of commands) {
      for (const flag of await valuesOf(`${command} --`)) {
        if (flag === '--help') continue
        for (const value of await valuesOf(`${command} ${flag} `)) {
          if (value.startsWith('--')) break // It takes no value.
          const ran = await rst([command, flag, value, '--help'])
          expect(ran.stderr, `${command} ${flag} ${value}`).toBe('')
          tried++
        }
      }
    }
    expect(tried).toBeGreaterThan(150)
  })

  it('knows only these shells', async () => {
    expect(await rst(['completion', 'tcsh'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Expected one of bash, zsh, fish for shell'),
    })
  })
})

const main = resolve('dist/cli/main.js')
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-completion-'))
  await mkdir(join(folder, 'home'))
  await mkdir(join(folder, 'work', 'folder'), { recursive: true })
  for (const name of ['ticket.safetensors', 'my other.safetensors']) {
    await writeFile(join(folder, 'work', name), '')
  }
  // A program that completes as rst does, and else only tells what it was given.
  await mkdir(join(folder, 'bin'))
  const program = join(folder, 'bin', 'rst')
  await writeFile(
    program,
    `#!/bin/sh
case $1 in complete | completion)
  '${process.execPath}' '${main}' "$@"
  : > '${folder}/asked'
  exit ;;
esac
printf '%s\\n' "$@" > '${folder}/given'
`,
  )
  await chmod(program, 0o755)
})
afterAll(() => rm(folder, { recursive: true }))

/** How each shell is started so that it has read the script and says "ready". */
const shells: Readonly<Record<string, (home: string) => { settings: [string, string]; command: string }>> = {
  bash: home => ({
    settings: ['.bashrc', "PS1='ready '\n"],
    command: `bash --noprofile --rcfile ${home}/.bashrc -i`,
  }),
  zsh: home => ({
    settings: ['.zshrc', "PROMPT='ready '\nunsetopt PROMPT_SP\n"],
    command: `env ZDOTDIR=${home} zsh -d -i`,
  }),
  fish: home => ({
    settings: ['init.fish', "function fish_prompt; printf 'ready '; end\nset -g fish_greeting ''\n"],
    command: `fish --no-config --init-command 'source ${home}/init.fish' -i`,
  }),
}

/** Types the lines, Tab keys in them, and returns what the program was given for each. */
async function typed(shell: string, lines: readonly string[]): Promise<string[][]> {
  const home = join(folder, 'home')
  const { settings, command } = shells[shell](home)
  const env = {
    ...process.env,
    PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
    HOME: home,
    TERM: 'xterm',
    LC_ALL: 'C.UTF-8',
  }
  const script = spawnSync(join(folder, 'bin', 'rst'), ['completion', shell], { encoding: 'utf8', env })
  await writeFile(join(home, settings[0]), `${settings[1]}${script.stdout}`)
  const terminal = spawn('script', ['-qec', command, '/dev/null'], { cwd: join(folder, 'work'), env })
  let shown = ''
  terminal.stdout.on('data', text => (shown += text))
  const until = async (isDone: () => boolean) => {
    for (let tries = 0; !isDone(); tries++) {
      if (tries > 600) throw new Error(`${shell} shows after waiting: ${JSON.stringify(shown.slice(-500))}`)
      await setTimeout(50)
    }
  }
  const [asked, given] = ['asked', 'given'].map(name => join(folder, name))
  /** Types, and waits for the program to be run, for completion or for itself, and the shell to go on. */
  const type = async (text: string, made: string) => {
    await rm(made, { force: true })
    terminal.stdin.write(text)
    await until(() => existsSync(made))
    await setTimeout(150)
  }
  try {
    await until(() => shown.includes('ready '))
    const found: string[][] = []
    for (const line of lines) {
      // zsh takes a Tab for text where more is already typed.
      for (const part of line.match(/[^\t]*\t/g)!) await type(part, asked)
      await type(`${line.slice(line.lastIndexOf('\t') + 1)}\r`, given)
      const words = (await readFile(given, 'utf8')).trimEnd().split('\n')
      // zsh takes the slash of a folder back at the end of the line.
      found.push(words.map(word => word.replace(/\/$/, '')))
    }
    return found
  } finally {
    terminal.stdin.end('exit\r')
    await setTimeout(200)
    terminal.kill('SIGKILL')
  }
}

const missing = (program: string) => spawnSync(program, ['--version']).error !== undefined

describe.each(Object.keys(shells))('the Tab key of %s', shell => {
  const absent = [
    ...[shell, 'script'].filter(missing).map(program => `there is no ${program}`),
    ...(process.platform === 'linux' ? [] : ['its script command takes other options']),
    ...(existsSync(main) ? [] : [`${main} is not built; run npm run build`]),
  ]
  if (absent.length > 0) console.warn(`skipped: completion in ${shell}, since ${absent.join(', ')}`)

  it.skipIf(absent.length > 0)(
    'completes commands, options, values and files',
    { timeout: 120_000 },
    async () => {
      const cases: [string, string[]][] = [
        ['rst eva\ttick\t--attack fgsm,pg\t', ['eval', 'ticket.safetensors', '--attack', 'fgsm,pgd']],
        ['rst search --select-e\t3', ['search', '--select-every', '3']],
        [
          'rst search --arch preact\t--device cp\t',
          ['search', '--arch', 'preact-resnet18', '--device', 'cpu'],
        ],
        ['rst search --arch=preact\t', ['search', '--arch=preact-resnet18']],
        ['rst data whe\tfash\t', ['data', 'where', 'fashion-mnist']],
        ['rst info my\t', ['info', 'my other.safetensors']],
        ['rst eval --ticket=tick\t', ['eval', '--ticket=ticket.safetensors']],
        ['rst search --out fol\t', ['search', '--out', 'folder']],
        // Nothing to offer: not even files.
        ['rst search --epochs tick\t', ['search', '--epochs', 'tick']],
      ]
      expect(
        await typed(
          shell,
          cases.map(([line]) => line),
        ),
      ).toEqual(cases.map(([, words]) => words))
    },
  )
})
