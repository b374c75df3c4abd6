// The npm package that brings a backend for one platform: its library, and a package.json that npm installs there only.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { root, work } from './tools.mjs'

/**
 * @param {string} name of the backend, as devices are named
 * @param {import('./targets.mjs').Target} target
 * @param {string} library its file, built with the toolchain of the target
 * @returns {string} the folder of the package, to be packed or published
 */
export function backendPackage(name, { platform, arch, libc }, library) {
  const about = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const packageName = `${about.name}-${name}-${platform}-${arch}`
  const folder = join(work, 'packages', packageName)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { version, license, repository, engines } = about
  const description = `The ${name} backend of ${about.name} for ${platform} ${arch}`
  // Of the same version: a library of other headers is refused when it is opened.
  const platforms = { os: [platform], cpu: [arch], ...(libc && { libc: [libc] }) }
  const peerDependencies = { [about.name]: version }
  const files = [basename(library)]
  const all = { name: packageName, version, description, license, repository, engines, ...platforms, peerDependencies, files }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(all, null, 2)}\n`)
  writeFileSync(join(folder, 'README.md'), `# ${packageName}\n\n${description}. Install it beside ${about.name}.\n`)
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  copyFileSync(library, join(folder, basename(library)))
  return folder
}
