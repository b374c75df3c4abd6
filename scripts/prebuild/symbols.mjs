// What a prebuilt addon asks of the system that loads it.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { demand, root } from './tools.mjs'

const nodeApiVersion = 8
// toolchains/gcc-glibc.cmake links for it.
const oldestGlibc = '2.28'

/**
 * @param {string} file a library
 * @param {import('./targets.mjs').Target} target
 * @throws where it needs more than the target promises
 */
export function checkSymbols(file, target) {
  const { libraries, symbols } = readers[target.platform](file)
  for (const library of libraries) {
    if (!target.libraries.some(pattern => pattern.test(library))) {
      throw new Error(`${file} needs ${library}, which ${target.name} may not have.`)
    }
  }
  for (const { name, version, library } of symbols) {
    if (/^(napi|node_api)_/.test(name)) {
      if (!nodeApi.has(name)) {
        throw new Error(`${file} needs ${name}, which is not of Node-API ${nodeApiVersion}.`)
      }
    } else if (target.libc === 'glibc' && !isOldEnough(version)) {
      throw new Error(`${file} needs ${name} of ${version ?? 'no version'}: more than glibc ${oldestGlibc} has.`)
    } else if (target.platform === 'darwin' && library !== 'from libSystem') {
      throw new Error(`${file} needs ${name} (${library}), which is not of macOS.`)
    }
  }
}

const nodeApi = new Set(
  Object.entries(createRequire(join(root, 'package.json'))('node-api-headers/symbols.js'))
    .filter(([version]) => Number(version.slice(1)) <= nodeApiVersion)
    .flatMap(([, { js_native_api_symbols: engine, node_api_symbols: node }]) => [...engine, ...node]),
)

/** For each system: the libraries that a file needs, and the strong symbols that it takes from others. */
const readers = {
  linux: file => ({
    libraries: all(/\(NEEDED\).*\[(.+)\]/g, read('readelf', ['--dynamic', file])).map(([, name]) => name),
    symbols: all(/^ *U ([^\s@]+)(?:@+(\S+))?/gm, read('nm', ['--dynamic', '--undefined-only', file])).map(
      ([, name, version]) => ({ name, version }),
    ),
  }),
  darwin: file => ({
    // A library lists itself first.
    libraries: (/NeededLibraries \[([^\]]*)\]/.exec(read('llvm-readobj', ['--needed-libs', file]))?.[1] ?? '')
      .trim()
      .split(/\s+/)
      .filter(name => name !== '@rpath/rst-native.node'),
    symbols: all(/external _(\S+) \((.+?)\)/g, read('llvm-nm', ['--undefined-only', '-m', file])).map(
      ([, name, library]) => ({ name, library }),
    ),
  }),
  win32: file => {
    const text = read('llvm-readobj', ['--coff-imports', file])
    return {
      libraries: all(/^ *Import \{\s*Name: (\S+)/gm, text).map(([, name]) => name),
      symbols: all(/^ *Symbol: (\w+)/gm, text).map(([, name]) => ({ name })),
    }
  },
}

function isOldEnough(version) {
  const [, family, number] = /^(GLIBC|GCC)_([\d.]+)$/.exec(version ?? '') ?? []
  if (family === undefined) return false
  return family === 'GCC' || number.localeCompare(oldestGlibc, undefined, { numeric: true }) <= 0
}

const all = (pattern, text) => [...text.matchAll(pattern)]

function read(command, args) {
  demand([command], [command.startsWith('llvm') ? 'llvm' : 'binutils'])
  return execFileSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
}
