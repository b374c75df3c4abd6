// The packed package, installed where there is no compiler.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backendPackage } from '../../scripts/prebuild/backend-package.mjs'
import { prebuilt } from '../../scripts/prebuild/build.mjs'
import { barePath, install, pack } from '../../scripts/prebuild/install.mjs'
import { host } from '../../scripts/prebuild/targets.mjs'
import { root, work } from '../../scripts/prebuild/tools.mjs'

const addon = host && prebuilt(host)
if (!addon) throw new Error('There is no prebuilt addon for this machine: npm run prebuild -- --platform host.')
let packed
let folder
let seconds
beforeAll(() => {
  packed = pack()
  const started = performance.now()
  folder = install(packed)
  seconds = (performance.now() - started) / 1000
})
afterAll(() => rmSync(folder, { recursive: true }))

const at = (...parts) => join(folder, 'node_modules', ...parts)
/** What Node prints in the folder, with no compiler in PATH. */
const printed = (args, env = {}) =>
  execFileSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: barePath(), NO_COLOR: '1', ...env },
  })

describe('the tarball', () => {
  it('holds what a user needs and no more', () => {
    const kinds = [
      /^(package\.json|README\.md|LICENSE|NOTICE|CHANGELOG\.md|CMakeLists\.txt)$/,
      /^dist\/.*\.(js|js\.map|d\.ts)$/,
      /^prebuilds\/[a-z0-9]+-[a-z0-9]+\/rst-native(\.(glibc|musl))?\.node$/,
      /^(native\/(?!test\/)|bindings\/).*\.(h|cc|cmake)$/,
      /^scripts\/build-native\.mjs$/,
      /^examples\/(?!.*node_modules)/,
    ]
    const others = packed.files.map(({ path }) => path).filter(path => !kinds.some(kind => kind.test(path)))
    expect(others).toEqual([])
    for (const kind of kinds) expect(packed.files.some(({ path }) => kind.test(path)), String(kind)).toBe(true)
  })

  it('takes at most 6 MiB', () => {
    console.log(`tarball: ${(packed.size / 2 ** 20).toFixed(2)} MiB, ${packed.files.length} files`)
    expect(packed.size).toBeLessThan(6 * 2 ** 20)
  })

  it('has no script that runs when it is installed', () => {
    const { scripts } = JSON.parse(readFileSync(at('rst-native', 'package.json'), 'utf8'))
    expect(Object.keys(scripts).filter(name => /^((pre|post)?install|prepare)$/.test(name))).toEqual([])
    expect(existsSync(at('rst-native', 'binding.gyp'))).toBe(false)
  })

  it.each([
    ['publint', ['publint@0.3.25', '--strict']],
    // What require() takes is an ES module, as Node.js allows from 20.19 on.
    ['are the types wrong?', ['@arethetypeswrong/cli@0.18.5', '--ignore-rules', 'cjs-resolves-to-esm']],
  ])('%s has nothing to say of it', (_, [tool, ...flags]) => {
    execFileSync('npx', ['--yes', tool, packed.tarball, ...flags], { encoding: 'utf8', stdio: 'pipe' })
  })

  it('has source maps that hold their sources', () => {
    const maps = packed.files.map(({ path }) => path).filter(path => path.endsWith('.map'))
    for (const path of maps) {
      const { sources, sourcesContent } = JSON.parse(readFileSync(at('rst-native', path), 'utf8'))
      expect(sourcesContent, path).toHaveLength(sources.length)
    }
  })
})

describe('installed without a compiler', () => {
  it('is there within 10 seconds, with no build tools', () => {
    const size = Number(execFileSync('du', ['-sk', at()], { encoding: 'utf8' }).split('\t')[0]) / 1024
    console.log(`install: ${seconds.toFixed(1)} s, node_modules ${size.toFixed(1)} MiB`)
    expect(seconds).toBeLessThan(10)
    for (const tool of ['cmake-js', 'node-addon-api', 'node-api-headers', 'node-gyp']) {
      expect(existsSync(at(tool)), tool).toBe(false)
    }
  })

  it('loads the prebuilt addon, by import and by require', () => {
    const paths = `process.report.getReport().sharedObjects.filter(path => path.endsWith('.node'))`
    for (const script of [
      `import { Device } from 'rst-native'; Device.default; console.log(${paths})`,
      `require('rst-native').Device.default; console.log(${paths})`,
    ]) {
      const type = script.startsWith('import') ? 'module' : 'commonjs'
      const text = printed([`--input-type=${type}`, '--eval', script])
      expect(text).toContain(addon.slice(root.length))
    }
  })

  it('has the command', () => {
    const report = JSON.parse(printed([at('.bin', 'rst'), 'doctor', '--json']).trim().split('\n').at(-1))
    expect(report.addon).toContain('prebuilds')
    expect(report.error).toBeFalsy()
  })

  it('searches a ticket', () => {
    const out = join(work, 'smoke-installed.json')
    printed([join(root, 'scripts/prebuild/smoke.mjs'), folder, 'search', out])
    expect(JSON.parse(readFileSync(out, 'utf8')).ticket).toMatch(/^[0-9a-f]{64}$/)
  })
})

describe('a backend in a package of its own', () => {
  const library = join(root, 'build-test', 'librst_plain.so')
  const script = `import { listDevices } from 'rst-native'; console.log(JSON.stringify(listDevices()))`
  const devices = () =>
    JSON.parse(printed(['--input-type=module', '--eval', script], { RST_BACKENDS: 'plain' }))

  it('is found once its package is installed', () => {
    expect(existsSync(library), `${library}: npm run test:native builds it`).toBe(true)
    const name = `rst-native-plain-${process.platform}-${process.arch}`
    expect(devices().find(device => device.name === 'plain').problem).toContain(`neither a package ${name} nor`)

    const [{ filename }] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--pack-destination', work], {
        cwd: backendPackage('plain', host, library),
        encoding: 'utf8',
      }),
    )
    execFileSync('npm', ['install', '--no-audit', '--no-fund', join(work, filename)], { cwd: folder })
    const plain = devices().filter(device => device.name.startsWith('plain'))
    expect(plain.map(({ description, problem }) => problem ?? description)).toEqual([expect.stringMatching(/^plain/i)])
  })
})
