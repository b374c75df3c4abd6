import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DeviceError } from '../../src/errors.ts'
import { explained } from '../../src/native/load.ts'
import { packageRoot, rootAbove } from '../../src/native/package-root.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst package '))
  // As npm installs it, but without the addon.
  const installed = join(folder, 'node_modules', 'rst-native')
  await mkdir(installed, { recursive: true })
  await cp(join(root, 'dist'), join(installed, 'dist'), { recursive: true })
  await cp(join(root, 'package.json'), join(installed, 'package.json'))
  await symlink(join(root, 'node_modules'), join(installed, 'node_modules'))
})
afterAll(() => rm(folder, { recursive: true }))

/** What a script prints, run in `cwd` by this Node. */
async function printed(script: string, { cwd = root, flags = [] as string[] } = {}): Promise<string> {
  const args = ['--no-warnings', ...flags, '-e', script]
  return (await promisify(execFile)(process.execPath, args, { cwd })).stdout.trim()
}
const deviceError = `try { require('rst-native').Device.default } catch (e) { console.log(e.code + ' ' + e.message) }`

// Of the compiled package: npm test compiles it first.
describe('the package', () => {
  it('can be required and imported, and is one module both ways', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const script = `const a = require('rst-native'); import('rst-native').then(b => console.log(a.version, a.Tensor === b.Tensor))`
    expect(await printed(script)).toBe(`${version} true`)
  })

  it('without its addon names a command that can be pasted', async () => {
    const where = join(folder, 'node_modules', 'rst-native')
    const text = await printed(deviceError, { cwd: folder })
    expect(text).toMatch(/^ERR_RST_DEVICE The native addon of rst-native could not be loaded on /)
    expect(text).toContain(`Build it with: cd '${where}' && npm run build:native`)
    expect(text).not.toContain('setup.sh')
  })

  it('says so where Node allows no addons', async () => {
    const text = await printed(deviceError, { flags: ['--no-addons'] })
    expect(text).toMatch(/^ERR_RST_DEVICE .* Node does not allow addons here: start it without --no-addons/)
    expect(text).not.toContain('Build it')
  })
})

describe('an addon that cannot be loaded', () => {
  it.each([
    ['ERR_DLOPEN_DISABLED', /without --no-addons/],
    ['ERR_ACCESS_DENIED', /permission model forbids to read \/somewhere: add --allow-fs-read=\/somewhere/],
    ['ERR_MANIFEST_ASSERT_INTEGRITY', /policy file/],
    ['MODULE_NOT_FOUND', /npm install/],
    ['ERR_DLOPEN_FAILED', /Build it with: cd .* && npm run build:native/],
    [undefined, /Build it with/],
  ])('%s is explained', (code, sentence) => {
    expect(explained(Object.assign(new Error('why'), { code, resource: '/somewhere' }))).toMatch(sentence)
  })
})

describe('code that was bundled', () => {
  it.each([undefined, 'file:///bundle.mjs', 'file:///a/b/c/bundle.mjs', 'https://example.org/x.js'])(
    'into %s is told to be external',
    url => {
      expect(() => rootAbove(url)).toThrow(DeviceError)
      expect(() => rootAbove(url)).toThrow(/mark it external.*--external:rst-native/)
    },
  )

  it('is not taken for a part of the package that it was bundled into', async () => {
    const app = join(folder, 'app', 'out')
    await mkdir(app, { recursive: true })
    await writeFile(join(folder, 'app', 'package.json'), '{"name": "app", "type": "module"}')
    const input = join(folder, 'app', 'app.js')
    await writeFile(input, `export * from ${JSON.stringify(join(root, 'dist', 'index.js'))}`)
    await build({ input, platform: 'node', logLevel: 'silent', output: { file: join(app, 'bundle.js') } })
    const script = `import('./bundle.js').catch(e => console.log(e.code + ' ' + e.message))`
    expect(await printed(script, { cwd: app })).toMatch(/^ERR_RST_DEVICE .* was bundled into .*bundle\.js/)
  })

  it('is found where it is not', () => {
    expect(packageRoot).toBe(root)
    expect(rootAbove(import.meta.url)).toBe(root)
  })
})
