// What a prebuilt addon asks of the system that loads it, read by LLVM's tools, which know all formats.
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
  demand(['llvm-nm', 'llvm-readobj'], ['llvm'])
  for (const library of neededLibraries(file)) {
    if (!target.libraries.some(pattern => pattern.test(library))) {
      throw new Error(`${file} needs ${library}, which ${target.name} may not have.`)
    }
  }
  for (const { name, version, library } of undefinedSymbols(file, target)) {
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

function neededLibraries(file) {
  const text = read('llvm-readobj', ['--needed-libs', '--coff-imports', file])
  const [, listed = ''] = /NeededLibraries \[([^\]]*)\]/.exec(text) ?? []
  const imported = [...text.matchAll(/^ *Import \{\s*Name: (\S+)/gm)].map(([, name]) => name)
  // On macOS a library lists itself first.
  const libraries = listed.trim().split(/\s+/).filter(name => name !== '' && name !== '@rpath/rst-native.node')
  return [...libraries, ...imported]
}

/** Strong ones. */
function undefinedSymbols(file, { platform }) {
  if (platform === 'win32') {
    const text = read('llvm-readobj', ['--coff-imports', file])
    return [...text.matchAll(/^ *Symbol: (\w+)/gm)].map(([, name]) => ({ name }))
  }
  if (platform === 'darwin') {
    const lines = read('llvm-nm', ['--undefined-only', '-m', file])
    const found = [...lines.matchAll(/external (\S+) \((.+?)\)/g)]
    return found.map(([, name, origin]) => ({ name: name.slice(1), library: origin }))
  }
  const lines = read('llvm-nm', ['--undefined-only', '--dynamic', file])
  return [...lines.matchAll(/^ *U ([^\s@]+)(?:@+(\S+))?/gm)].map(([, name, version]) => ({ name, version }))
}

function isOldEnough(version) {
  const [, family, number] = /^(GLIBC|GCC)_([\d.]+)$/.exec(version ?? '') ?? []
  if (family === undefined) return false
  return family === 'GCC' || number.localeCompare(oldestGlibc, undefined, { numeric: true }) <= 0
}

const read = (command, args) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
