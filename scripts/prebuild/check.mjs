// Tries prebuilt addons as users will have them: the packed package, installed in an empty folder where no compiler is in
// reach, under the Node.js of each platform.
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { folderOf, prebuilt } from './build.mjs'
import { configure, make } from './cmake.mjs'
import { install } from './install.mjs'
import { checkSymbols } from './symbols.mjs'
import { demand, doctestHeaders, nodeOf, work } from './tools.mjs'

/**
 * @typedef {object} Result
 * @property {string} target
 * @property {string} linked
 * @property {string} loaded
 * @property {string} nativeTests
 * @property {string} search
 * @property {string} [ticket] SHA-256 of the ticket that the search found
 * @property {boolean} failed
 */

/**
 * @param {import('./targets.mjs').Target[]} chosen targets that are built
 * @returns {Promise<Result[]>}
 */
export async function check(chosen, { nativeTests }) {
  const folder = install()
  try {
    return compared(await checkedIn(folder, chosen, nativeTests))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function checkedIn(folder, chosen, nativeTests) {
  const results = []
  for (const target of chosen) {
    const result = { target: target.name, failed: false }
    const step = async (name, action) => {
      try {
        result[name] = await action()
      } catch (error) {
        result[name] = 'FAILED'
        result.failed = true
        console.error(`${target.name}, ${name}: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`)
      }
    }
    console.log(`${target.name}: ${target.runner?.is ?? 'cannot run here'}`)
    await step('linked', () => symbolsSeen(target))
    await step('loaded', () => loaded(target, folder))
    await step('nativeTests', () => (nativeTests ? nativeTested(target) : 'not asked for'))
    await step('search', () => searched(target, folder, result))
    results.push(result)
  }
  return results
}

/** As Markdown. */
export function table(results) {
  const columns = { target: 'platform', linked: 'built', loaded: 'loaded', nativeTests: 'native tests', search: 'search', bits: 'bits' }
  const row = cells => `| ${cells.join(' | ')} |`
  const keys = Object.keys(columns)
  return [
    row(Object.values(columns)),
    row(keys.map(() => '---')),
    ...results.map(result => row(keys.map(key => result[key]))),
  ].join('\n')
}

function symbolsSeen(target) {
  const file = prebuilt(target)
  checkSymbols(file, target)
  return `${(readFileSync(file).length / 2 ** 20).toFixed(2)} MiB`
}

async function loaded(target, folder) {
  if (!target.runner) return 'not runnable here'
  if (!target.runner.node) return resolved(target)
  const { addon } = await smoke(target, folder, 'load')
  const expected = join(basename(dirname(prebuilt(target))), basename(prebuilt(target)))
  if (!addon.replaceAll('\\', '/').endsWith(`prebuilds/${expected}`)) {
    throw new Error(`Expected the addon prebuilds/${expected} but ${addon} was loaded.`)
  }
  return target.runner.is
}

async function searched(target, folder, result) {
  if (!target.runner) return 'not runnable here'
  if (!target.runner.node) return 'no Node.js in npm'
  const started = Date.now()
  const { ticket, node } = await smoke(target, folder, 'search')
  result.ticket = ticket
  return `Node ${node}, ${((Date.now() - started) / 1000).toFixed(0)} s`
}

/** Runs smoke.mjs by the target's Node.js in the installed package. */
async function smoke(target, folder, what) {
  const { runner } = target
  demandRunner(runner)
  const script = join(dirname(fileURLToPath(import.meta.url)), 'smoke.mjs')
  const out = join(work, `smoke-${target.name}.json`)
  rmSync(out, { force: true })
  await run(runner, [nodeOf(runner), script, folder, what, out], { PATH: '/nonexistent' })
  return JSON.parse(readFileSync(out, 'utf8'))
}

/** Where there is no Node.js for it: all that the addon needs but Node-API is found by the loader of the system. */
async function resolved(target) {
  demandRunner(target.runner)
  const { stdout, stderr } = await run(target.runner, ['--list', prebuilt(target)]).catch(error => error)
  const missing = `${stdout}${stderr}`.split('\n').filter(line => /^Error/.test(line) && !/ napi_\w+: symbol/.test(line))
  if (missing.length > 0) throw new Error(missing.join('\n'))
  return `resolved ${target.runner.is}`
}

async function nativeTested(target) {
  const { runner } = target
  if (!runner) return 'not runnable here'
  demandRunner(runner)
  // With the objects of the addon.
  const folder = folderOf(target)
  const out = join(folder, 'tests')
  const outputs = { CMAKE_LIBRARY_OUTPUT_DIRECTORY: out, CMAKE_RUNTIME_OUTPUT_DIRECTORY: out }
  configure(target, folder, { RST_TESTS: 'ON', DOCTEST_INCLUDE_DIR: doctestHeaders(), ...outputs })
  make(folder, ['rst_tests'])
  const program = join(out, target.platform === 'win32' ? 'rst_tests.exe' : 'rst_tests')
  const { stdout: text } = await run(runner, [program])
  const [, passed, failed] = /test cases: .*?(\d+) passed \| *(\d+) failed/.exec(text) ?? []
  if (failed !== '0') throw new Error(text.slice(-3000))
  return `${passed} passed`
}

/** Whether tickets have the bytes of linux-x64's. */
function compared(results) {
  const x64 = results.find(({ target }) => target === 'linux-x64')?.ticket
  return results.map(result => {
    const bits = bitsOf(result, x64)
    return { ...result, bits, failed: result.failed || bits === 'OTHER' }
  })
}

function bitsOf({ target, ticket }, x64) {
  if (!ticket) return '–'
  if (target === 'linux-x64') return 'compared with'
  return x64 === undefined ? 'linux-x64 was not asked for' : ticket === x64 ? 'equal' : 'OTHER'
}

function demandRunner({ command, packages }) {
  if (command.length > 0) demand(command.slice(0, 1), packages)
}

/** Runs a program of a target to its end. */
async function run({ command, env }, args, extra) {
  const [program, ...rest] = [...command, ...args]
  const home = { WINEPREFIX: join(work, 'wine') }
  const options = { env: { ...process.env, ...home, ...env, ...extra }, maxBuffer: 2 ** 26, timeout: 3_600_000 }
  const path = program.includes('/') ? program : execFileSync('which', [program], { encoding: 'utf8' }).trim()
  return promisify(execFile)(path, rest, options)
}
