// CMake for a target.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { demand, highwayHeaders, root, work, zig } from './tools.mjs'

/** What Zig needs to find itself, and where it keeps the C libraries that it builds. */
function environment() {
  const cache = join(work, 'zig-cache')
  mkdirSync(cache, { recursive: true })
  return { ...process.env, ZIG: zig(), ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache }
}

/** Configures the build of a target in `folder`. */
export function configure(target, folder, definitions) {
  demand(['cmake', ...target.commands], ['cmake', 'make', ...target.packages])
  const all = {
    CMAKE_TOOLCHAIN_FILE: join(root, 'scripts', 'prebuild', 'toolchains', `${target.name}.cmake`),
    HWY_INCLUDE_DIR: highwayHeaders(),
    ...definitions,
  }
  const flags = Object.entries(all).map(([name, value]) => `-D${name}=${value}`)
  execFileSync('cmake', ['-S', root, '-B', folder, ...flags], { stdio: 'inherit', env: environment() })
}

export function make(folder, names) {
  const parallel = ['--parallel', String(availableParallelism())]
  const flags = ['--build', folder, ...parallel, '--target', ...names]
  execFileSync('cmake', flags, { stdio: 'inherit', env: environment() })
}
