// After the compiler: rewrites dist/**/*.d.ts so that TypeScript before 5.7 reads them too. There typed arrays have no type
// argument; from 5.7 on the rewritten types are the same as before.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @param {string} declarations text of a declaration file
 * @returns {string} the same without type arguments of typed arrays: what `of` returns is an array with an ArrayBuffer of
 *   its own, and the name alone one with any buffer
 */
export function forOlderCompilers(declarations) {
  return declarations
    .replace(/\b(\w+Array)<ArrayBuffer>/g, 'ReturnType<typeof $1.of>')
    .replace(/\b(\w+Array)<ArrayBufferLike>/g, '$1')
}

async function main() {
  const dist = resolve(fileURLToPath(import.meta.url), '../../dist')
  for (const entry of await readdir(dist, { recursive: true })) {
    if (!entry.endsWith('.d.ts')) continue
    const path = join(dist, entry)
    await writeFile(path, forOlderCompilers(await readFile(path, 'utf8')))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
