// Loads the addon's file; where that fails, says why and what to do.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { DeviceError } from '../errors.ts'
import { packageRoot } from './package-root.ts'

type NodeGypBuild = ((folder: string) => unknown) & { path(folder: string): string }

function nodeGypBuild(): NodeGypBuild {
  return createRequire(join(packageRoot, 'package.json'))('node-gyp-build') as NodeGypBuild
}

/** The file that the addon is loaded from. @throws where there is none */
export function addonPath(): string {
  return nodeGypBuild().path(packageRoot)
}

/** @throws DeviceError that says what to do */
export function loadAddon(): unknown {
  try {
    return nodeGypBuild()(packageRoot)
  } catch (cause) {
    throw new DeviceError(explained(cause), { cause })
  }
}

/** What an error of the loader means for the user. */
export function explained(cause: unknown): string {
  const { message, code, resource } = (cause ?? {}) as { message?: string; code?: string; resource?: string }
  const reason = String(message ?? cause).split('\n')[0]
  const start = 'The native addon of rst-native could not be loaded'
  if (code === 'ERR_DLOPEN_DISABLED') {
    return `${start} because Node does not allow addons here: start it without --no-addons, and under the permission model with --allow-addons.`
  }
  if (code === 'ERR_ACCESS_DENIED') {
    return `${start} because Node's permission model forbids to read ${resource ?? 'a file'}: add ${quoted(`--allow-fs-read=${resource ?? packageRoot}`)} to what it allows (rst-native also needs --allow-addons, and to read ${quoted(packageRoot)}).`
  }
  if (code?.startsWith('ERR_MANIFEST')) {
    return `${start} because the policy file that Node was started with forbids it (${reason}): add the files of ${quoted(packageRoot)} and of node-gyp-build to the policy.`
  }
  if (code === 'MODULE_NOT_FOUND') {
    return `${start} because a package that it needs is missing (${reason}): run npm install again.`
  }
  const where = `on ${process.platform}-${process.arch} with Node ${process.versions.node}`
  const build = `cd ${quoted(packageRoot)} && npm run build:native`
  return (
    `${start} ${where} (${reason}). Build it with: ${build} ` +
    '(needs a C++20 compiler, CMake and the library Highway; Debian and Ubuntu: apt-get install g++ make cmake libhwy-dev; macOS: brew install cmake highway).'
  )
}

/** As a word of a shell's command line. */
function quoted(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text
  return process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", `'\\''`)}'`
}
