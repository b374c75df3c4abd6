// The example programs: compiled against the shipped declarations and run by node as a user of the package would.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { datasets } from '../../src/data/datasets.ts'

const names = readdirSync('examples').filter(name => name.endsWith('.ts'))
const readme = await readFile('README.md', 'utf8')
const hasData = (await datasets.locate('fashion-mnist')) !== undefined
if (!hasData) console.log(`Skipped: examples on Fashion-MNIST. To get it, ${howToGet()}.`)

function howToGet(): string | undefined {
  return datasets.list().find(({ name }) => name === 'fashion-mnist')?.howToGet
}

/** Everything but node_modules, which leads to the package as npm would install it. */
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-examples-'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(process.cwd(), join(folder, 'node_modules', 'rst-native'))
  await symlink(resolve('node_modules/@types'), join(folder, 'node_modules', '@types'))
  await writeFile(join(folder, 'package.json'), '{"type": "module"}')
  for (const name of names) {
    const text = await readFile(join('examples', name), 'utf8')
    await writeFile(join(folder, name), text)
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    await writeFile(join(folder, name.replace('.ts', '.js')), outputText)
  }
})
afterAll(() => rm(folder, { recursive: true }))

function start(name: string, ...args: string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [`${name}.js`, ...args], { cwd: folder })
  let text = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
  }
  return { child, output: () => text }
}

async function run(name: string, ...args: string[]): Promise<string> {
  const { child, output } = start(name, ...args)
  const [code] = await once(child, 'close')
  expect(code, output()).toBe(0)
  return output()
}

describe('an example', () => {
  it('there is of search, own models, own attacks, transfer and serving, and the README links each', () => {
    expect(names).toEqual(['attack-your-model.ts', 'search.ts', 'transfer.ts', 'write-an-attack.ts'])
    // The service has packages, and tests, of its own: npm run test:serve.
    for (const name of [...names, 'serve/main.js']) expect(readme).toContain(`](examples/${name})`)
  })

  it('compiles with the strictest checks, and one that writes an attack in 80 lines', {
    timeout: 180_000,
  }, async () => {
    const program = ts.createProgram(
      names.map(name => join(folder, name)),
      {
        target: ts.ScriptTarget.ES2022,
        lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        strict: true,
        noEmit: true,
        types: ['node'],
        preserveSymlinks: true,
      },
    )
    const problems = ts.getPreEmitDiagnostics(program)
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
    const attack = await readFile('examples/write-an-attack.ts', 'utf8')
    expect(attack.split('\n').length).toBeLessThanOrEqual(80)
  })

  it('attacks a model that it trains', async () => {
    const text = await run('attack-your-model', '50')
    expect(text).toMatch(/^natural: (0\.[6-9]|1)/m)
    expect(text).toMatch(/^pgd-20: [01]/m)
    expect(text).toMatch(/^square: [01]/m)
  })
})

describe.skipIf(!hasData)('an example on Fashion-MNIST', () => {
  it('searches tickets, which the others attack', { timeout: 180_000 }, async () => {
    const files = ['a.safetensors', 'b.safetensors']
    expect(await run('search', '0.3', files[0], '256')).toMatch(/^searched: natural .*\nrandom: natural/m)
    expect(await run('search', '0.5', files[1], '256')).toContain('b.safetensors: ')
    expect(await run('transfer', '8', ...files)).toMatch(/^the switch under ARC: +\d/m)
    const attacked = await run('write-an-attack', files[0], '16')
    expect(attacked).toMatch(/^mi-fgsm: robust accuracy [\d.]+, failed checks 0$/m)
  })
})
