// Where this package lies: beside its code in node_modules, or nowhere when a bundler has moved the code elsewhere.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DeviceError } from '../errors.ts'

/** The folder that holds this package's package.json. */
export const packageRoot = rootAbove(import.meta.url)

/**
 * The nearest folder above a module that holds this package's package.json.
 * @param url undefined where a bundler made CommonJS of the module
 * @throws DeviceError where there is none
 */
export function rootAbove(url: string | undefined): string {
  const file = url?.startsWith('file:') ? fileURLToPath(url) : undefined
  for (let folder = file && dirname(file); folder; ) {
    if (isRoot(folder)) return folder
    const above = dirname(folder)
    if (above === folder) break
    folder = above
  }
  throw new DeviceError(
    `The code of rst-native was bundled into ${file ?? 'another file'}, where its native addon is out of reach: mark it external, so that it is loaded from node_modules ` +
      `(esbuild: --external:rst-native; rollup, webpack and vite: external or externals: ['rst-native']; Next.js: serverExternalPackages).`,
  )
}

function isRoot(folder: string): boolean {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === 'rst-native'
  } catch {
    return false
  }
}
