// node smoke.mjs FOLDER load|search OUT: uses the package as it is installed in FOLDER, and writes what it saw as JSON. The
// file, because programs under wine cannot write to a pipe.
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, what, out] = process.argv.slice(2)
const require = createRequire(join(folder, 'package.json'))
const { attacks, datasets, Device, searchRST } = await import(pathToFileURL(require.resolve('rst-native')).href)

const seen = { node: process.versions.node, platform: `${process.platform}-${process.arch}` }
seen.device = Device.default.description
seen.addon = Object.keys(require.cache).find(path => path.endsWith('.node'))
seen.addon ??= process.report.getReport().sharedObjects.find(path => /rst-native.*\.node$/.test(path))
if (what === 'search') {
  const data = datasets.fromArrays({
    name: 'noise',
    classNames: ['even', 'odd'],
    shape: [3, 16, 16],
    train: split(256),
    test: split(64),
  })
  const inner = attacks.pgd({ eps: 8 / 255, stepSize: 2 / 255, steps: 2 })
  const settings = { arch: 'resnet18-cifar', width: 0.125, remainingRatio: 0.1, epochs: 1, batchSize: 64, seed: 7 }
  const { ticket } = await searchRST({ ...settings, data, inner })
  const file = join(tmpdir(), `rst-smoke-${process.pid}.safetensors`)
  await ticket.save(file)
  seen.ticket = createHash('sha256').update(readFileSync(file)).digest('hex')
  rmSync(file)
}
writeFileSync(out, `${JSON.stringify(seen, null, 2)}\n`)

/** Pixels that a class of the two has more of. */
function split(n) {
  let state = n
  const next = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24
  const images = new Uint8Array(n * 3 * 16 * 16)
  const labels = Array.from({ length: n }, (_, i) => i % 2)
  for (let i = 0; i < images.length; i++) images[i] = next() / 2 + 64 * labels[Math.floor(i / 768)]
  return { images, labels }
}
