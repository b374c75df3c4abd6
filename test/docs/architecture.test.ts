// The documents for people who carry on name files, names in them and commands that there are.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const documents = ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/debugging.md']
const text = (path: string) => readFileSync(path, 'utf8')
const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> }

/** Of the repository. NAME and FAMILY stand for one that is still to be written. */
const isPath = (word: string) =>
  /^(src|native|bindings|test|docs|examples|bench|fuzz|\.github)\/[\w./-]*$/.test(word) &&
  !/NAME|FAMILY/.test(word)

describe.each(documents)('%s', document => {
  const words = [...text(document).matchAll(/`([^`\n]+)`/g)].map(([, word]) => word)

  it('names files and folders that exist', () => {
    const paths = words.filter(isPath)
    expect(paths.length).toBeGreaterThan(0)
    expect(paths.filter(path => !existsSync(path))).toEqual([])
  })

  it('finds each name in the file that it says has it', () => {
    const named = [...text(document).matchAll(/`([^`\n]+)`\s+\((?:see )?`(\w+)`\)/g)]
      .map(([, path, name]) => [path, name])
      .concat(
        [...text(document).matchAll(/`(\w+)`\s+(?:in|\()\s*`([^`\n]+)`/g)].map(([, name, path]) => [
          path,
          name,
        ]),
      )
      .filter(([path]) => isPath(path) && existsSync(path) && path.includes('.'))
    for (const [path, name] of named) expect(text(path), `${name} in ${path}`).toContain(name)
  })

  it('links to files that exist', () => {
    for (const [, path] of text(document).matchAll(/\]\(([^):#]+)\)/g)) {
      const below = document.includes('/') ? document.slice(0, document.lastIndexOf('/') + 1) : ''
      expect(existsSync(below + path), path).toBe(true)
    }
  })

  it('names npm scripts that there are', () => {
    for (const [, name] of text(document).matchAll(/npm run (?:-s )?([\w:]+)/g))
      expect(Object.keys(scripts)).toContain(name)
  })
})

describe('.github', () => {
  const steps = Object.values(
    (
      parse(text('.github/workflows/test.yml')) as {
        jobs: Record<string, { 'runs-on': string; steps: { run?: string; uses?: string }[] }>
      }
    ).jobs,
  ).flatMap(job => job.steps)

  it('runs on Linux of both processors and on darwin what the README says', () => {
    const workflow = text('.github/workflows/test.yml')
    for (const runner of ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-14']) expect(workflow).toContain(runner)
    expect(steps.map(({ run }) => run)).toContain('sh setup.sh && npm test')
    expect(text('README.md')).toContain('sh setup.sh && npm test')
  })

  it('runs commands that there are', () => {
    const commands = steps.flatMap(({ run }) => run?.split('&&').map(command => command.trim()) ?? [])
    expect(commands.length).toBeGreaterThan(4)
    for (const command of commands) {
      const [, script] = /^npm (?:run )?([\w:]+)$/.exec(command) ?? []
      const known =
        (script !== undefined && (script === 'ci' || script in scripts)) ||
        (command.startsWith('sh ') && existsSync(command.slice(3))) ||
        (command.startsWith('npx rst ') && existsSync(`src/cli/commands/${command.split(' ')[2]}.ts`)) ||
        command.startsWith('brew install ')
      expect(known, command).toBe(true)
    }
  })

  it('builds the site by a script that there is', () => {
    const { jobs } = parse(text('.github/workflows/docs.yml')) as {
      jobs: { build: { steps: { run?: string }[] } }
    }
    const names = jobs.build.steps.flatMap(({ run }) => /^npm run ([\w:]+)/.exec(run ?? '')?.[1] ?? [])
    expect(names).toEqual(['test:docs'])
    expect(Object.keys(scripts)).toContain(names[0])
  })

  it.each(['fault', 'installation', 'wish'])('has a form for issues: %s', name => {
    const form = parse(text(`.github/ISSUE_TEMPLATE/${name}.yml`)) as {
      body: { type: string; attributes: object }[]
    }
    for (const { type, attributes } of form.body) {
      expect(['input', 'textarea']).toContain(type)
      expect(attributes).toHaveProperty('label')
    }
  })
})
