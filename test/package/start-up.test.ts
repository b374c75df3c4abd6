// What it costs to import the package, and what must not be loaded by that.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'

const entry = pathToFileURL(resolve('dist/index.js')).href
const main = resolve('dist/cli/main.js')
const built = existsSync(main)
if (!built) console.warn('skipped: dist is not built; run npm run build:all')

function node(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, RST_DEBUG: '', ...env },
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/** Says of each module that it is loaded. */
const hook = `import { appendFileSync } from 'node:fs'
export async function load(url, context, next) {
  appendFileSync(process.env.RST_TEST_LOADED, url + '\\n')
  return next(url, context)
}`
const register = `import { register } from 'node:module'
register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hook))})`

/** The package's own files, and the packages, that Node loads. */
function loadedBy(...args: readonly string[]): { files: number; packages: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'rst-start-up-'))
  try {
    const log = join(folder, 'loaded')
    node(['--import', `data:text/javascript,${encodeURIComponent(register)}`, ...args], {
      RST_TEST_LOADED: log,
    })
    const urls = [...new Set(readFileSync(log, 'utf8').trimEnd().split('\n'))]
    const packages = urls.flatMap(url => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? [])
    const files = urls.filter(url => url.includes('/dist/') && !url.includes('/node_modules/')).length
    return { files, packages: [...new Set(packages)].sort() }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const script = (text: string) => ['--input-type=module', '-e', text]

describe.skipIf(!built)('import of the package', () => {
  it('loads few files, one package and no addon', () => {
    const { files, packages } = loadedBy(...script(`import '${entry}'`))
    expect(packages).toEqual(['typed-array-utils'])
    expect(files).toBeLessThan(8)
    const objects = `process.report.getReport().sharedObjects.filter(path => path.endsWith('.node')).length`
    const counts = node(
      script(`import { listDevices } from '${entry}'
        console.log(${objects}); listDevices(); console.log(${objects})`),
    )
    expect(counts).toBe('0\n1\n')
  })

  it('declares Symbol.dispose before everything that needs it', () => {
    // Where Node has none (contexts of node:vm), a class with such a method fails as it is loaded.
    const [first] = readFileSync('dist/chunks/library.js', 'utf8').match(/^import .*$/m)!
    expect(first).toBe('import "./dispose-symbol.js";')
    expect(readFileSync('dist/chunks/dispose-symbol.js', 'utf8')).not.toMatch(/^import /m)
  })

  it('gives stacks with the lines of src/, of a program that asks for them', () => {
    const text = `import { tensor } from '${entry}'
      try { tensor([1], [2]) } catch (error) { console.log(error.stack) }`
    const stack = node(['--enable-source-maps', ...script(text)])
    expect(stack).toMatch(/^ShapeError: /)
    expect(stack).toMatch(/\bsrc\/tensor\/tensor\.ts:\d+:\d+/)
    expect(node(script(text))).toMatch(/ at tensor \(.*library\.js:\d+:\d+/)
  })

  // 36 ms and 9 MB; 250 modules took 150 ms and 22 MB. Of the processor, since it does not depend on what else runs.
  it('takes at most 20 MB, and little time', { timeout: 120_000, retry: 2 }, () => {
    const print = `const { user, system } = process.cpuUsage()
      console.log(JSON.stringify([process.memoryUsage().rss / 1e6, (user + system) / 1e3]))`
    const measure = (text: string): [number, number] => JSON.parse(node(script(`${text};${print}`)))
    const pairs = Array.from({ length: 7 }, () => [measure(''), measure(`import '${entry}'`)])
    const least = (of: 0 | 1, what: 0 | 1) => Math.min(...pairs.map(pair => pair[of][what]))
    const [megabytes, milliseconds] = ([0, 1] as const).map(what => least(1, what) - least(0, what))
    expect(megabytes).toBeLessThan(20)
    expect(milliseconds).toBeLessThan(90)
  })
})

describe.skipIf(!built)('the command line', () => {
  it('shows the lines of src/ with RST_DEBUG=1', () => {
    const options = { encoding: 'utf8', env: { ...process.env, RST_DEBUG: '1' } } as const
    const { stderr } = spawnSync(process.execPath, [main, 'search', '--config', 'none.yaml'], options)
    expect(stderr).toMatch(/\bsrc\/cli\/config-file\.ts:\d+:\d+/)
    expect(stderr).toMatch(/\bsrc\/files\/read-file\.ts:\d+:\d+/)
  })

  it.each(['--version', '--help', 'search --help', 'data list'])('rst %s loads what it needs', args => {
    expect(loadedBy(main, ...args.split(' ')).packages).toEqual(['commander', 'typed-array-utils'])
  })
})
