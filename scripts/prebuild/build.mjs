// Builds the addon of a target into prebuilds/, where node-gyp-build looks for it.
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkSymbols } from './symbols.mjs'
import { root, work } from './tools.mjs'

/** Where the build of a target lies. */
export const folderOf = target => join(work, target.name)

/** @returns {Promise<void>} */
export async function build(target) {
  const cwd = folderOf(target)
  mkdirSync(cwd, { recursive: true })
  const { platform, arch, libc } = target
  process.env.PREBUILD_TARGET = target.name
  // prebuildify knows how the file must be called; it strips nothing, since the linker has done so.
  const prebuildify = createRequire(import.meta.url)('prebuildify')
  const nodeGyp = join(dirname(fileURLToPath(import.meta.url)), 'cmake-shim.mjs')
  const options = { napi: true, name: 'rst-native', platform, arch, libc, tagLibc: platform === 'linux' }
  await new Promise((done, fail) => {
    prebuildify({ ...options, cwd, out: root, nodeGyp }, error => (error ? fail(error) : done()))
  })
  const file = prebuilt(target)
  checkSymbols(file, target)
  console.log(`${file}: ${(statSync(file).size / 2 ** 20).toFixed(2)} MiB, needs nothing that ${target.name} lacks`)
}

/** The file of a target in prebuilds/; undefined before it is built. */
export function prebuilt({ platform, arch, libc }) {
  const folder = join(root, 'prebuilds', `${platform}-${arch}`)
  try {
    const name = readdirSync(folder).find(file => file === `rst-native${libc ? `.${libc}` : ''}.node`)
    return name && resolve(folder, name)
  } catch {
    return undefined
  }
}
