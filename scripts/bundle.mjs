// After the compiler: puts the modules of dist together into few files. Node takes longer to find and open 250 files than
// to compile what is in them, and everyone who imports the package waits for it.
import { readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

for (const entry of await readdir(dist, { recursive: true })) {
  if (/\.js(\.map)?$/.test(entry)) await rm(join(dist, entry))
}
const bundle = await rolldown({
  cwd: root,
  input: { index: 'src/index.ts', 'cli/main': 'src/cli/main.ts' },
  external: Object.keys(dependencies),
  platform: 'node',
  // Node 20 knows no `using`.
  transform: { target: 'es2022' },
})
await bundle.write({
  dir: dist,
  format: 'esm',
  sourcemap: true,
  chunkFileNames: 'chunks/[name].js',
  codeSplitting: {
    groups: [
      // First of all, and by itself, so that what it is needed for comes after it.
      { name: 'dispose-symbol', test: /\/dispose-symbol\.ts$/, priority: 1 },
      // All but the command line, and what only that loads, and late.
      { name: 'library', test: /\/src\/(?!cli\/|report\/)/ },
    ],
  },
})
await bundle.close()
