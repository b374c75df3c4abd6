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
    expect(names).toEqual([
      'attack-your-model.ts',
      'search.ts',
      'serve.ts',
      'transfer.ts',
      'write-an-attack.ts',
    ])
    for (const name of names) expect(readme).toContain(`](examples/${name})`)
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
  it('searches tickets, which the others attack and serve', { timeout: 180_000 }, async () => {
    const files = ['a.safetensors', 'b.safetensors']
    expect(await run('search', '0.3', files[0], '256')).toMatch(/^searched: natural .*\nrandom: natural/m)
    expect(await run('search', '0.5', files[1], '256')).toContain('b.safetensors: ')
    expect(await run('transfer', '8', ...files)).toMatch(/^the switch under ARC: +\d/m)
    const attacked = await run('write-an-attack', files[0], '16')
    expect(attacked).toMatch(/^mi-fgsm: robust accuracy [\d.]+, failed checks 0$/m)

    const { child, output } = start('serve', files[0], '0')
    while (!output().includes('listening')) await once(child.stdout!, 'data')
    const [, port] = /port (\d+)/.exec(output())!
    const ask = async (body: string, path = '/predict') => {
      const response = await fetch(`http://localhost:${port}${path}`, { method: 'POST', body })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    }
    const image = (n: number) =>
      JSON.stringify({ pixels: Array.from({ length: 784 }, (_, i) => ((i * n) % 11) / 10) })
    const alone = []
    for (let n = 0; n < 12; n++) alone.push(await ask(image(n)))
    expect(alone[0]).toMatchObject({ status: 200, body: { label: expect.any(Number) } })
    expect(alone[0].body.probabilities).toHaveLength(10)
    const together = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(image(n))))
    expect(together).toEqual(alone)
    for (const wrong of ['{', '[]', '{"pixels": [1]}', 'null', image(3).replace('0.3', '3')]) {
      expect(await ask(wrong)).toMatchObject({ status: 400, body: { error: expect.any(String) } })
    }
    expect((await ask('{}', '/other')).status).toBe(404)
    const closed = once(child, 'close')
    const last = ask(image(5))
    child.kill('SIGTERM')
    expect([200, undefined]).toContain((await last.catch(() => ({ status: undefined }))).status)
    expect(await closed).toEqual([0, null])
  })
})
