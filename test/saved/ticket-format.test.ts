// docs/ticket-format.md, proven by a reader that knows nothing of this package: examples/read_ticket.py.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as models from '../../src/models/index.ts'
import { type Initialisation, initialisations } from '../../src/nn/initialisation.ts'
import type { Network } from '../../src/nn/network.ts'
import { type Pattern, patterns } from '../../src/nn/pattern.ts'
import { loadTicket, Ticket } from '../../src/saved/ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { metadata } from './example-ticket.ts'

const python = (...args: string[]) => spawnSync('python3', args, { encoding: 'utf8' })
const reader = 'examples/read_ticket.py'
const hasNumpy = python('-c', 'import numpy').status === 0
if (!hasNumpy) console.warn('Skipped: the Python reader of tickets needs python3 with numpy.')

let folder: string
const device = new Device({ threads: 1 })
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-format-'))
})
afterAll(() => rm(folder, { recursive: true }))

const normalisation = { mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.3] }
const imageSize = [16, 16] as const

interface Kind {
  readonly arch: string
  readonly width: number
  readonly init: Initialisation
  readonly pattern: Pattern
  readonly weightSeed: number
  readonly trained?: boolean
}

function drawTicket({ trained, ...kind }: Kind): Ticket {
  const { arch, width, init, pattern, weightSeed } = kind
  const network = models.create(arch, {
    classes: 7,
    inChannels: 3,
    imageSize,
    width,
    ...normalisation,
    device,
  })
  network.drawWeights(trained ? 'kaiming-uniform' : init, trained ? 99 : weightSeed)
  network.drawScores(pattern, 2)
  network.updateMasks(0.3)
  const drawn = { ...metadata, ...kind, classes: 7, inChannels: 3, imageSize, remainingRatio: 0.3 }
  return new Ticket(network, { ...drawn, normalisation, dataset: 'Übung' }, { trained })
}

/** What the Python reader prints, by the library's own masked weights. */
async function described(network: Network): Promise<string[]> {
  const lines: string[] = []
  for (const { spec, weight, mask } of network.convolutions) {
    using masked = ops.maskedWeight(weight, mask!)
    const values = await masked.data()
    const kept = (await mask!.data()).reduce((sum, bit) => sum + bit, 0) * (weight.size / mask!.size)
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const hash = createHash('sha256').update(bytes).digest('hex')
    lines.push(`${spec.name} ${kept} ${weight.size} ${hash}`)
  }
  return lines
}

const small = { arch: 'conv2', width: 0.3, weightSeed: 5 }
const kinds: Kind[] = [
  ...initialisations.flatMap(init => patterns.map(pattern => ({ ...small, init, pattern }))),
  { ...small, init: 'kaiming-normal', pattern: 'element', weightSeed: 2 ** 53 - 1 },
  { ...small, init: 'kaiming-normal', pattern: 'element', trained: true },
  { ...small, init: 'kaiming-normal', pattern: 'kernel', trained: true },
  { ...small, arch: 'resnet50', width: 0.05, init: 'xavier-normal', pattern: 'row' },
  { ...small, arch: 'wide-resnet-34-10', width: 0.03, init: 'kaiming-uniform', pattern: 'element' },
  // A million draws, so that some come from the tails of the normal distribution.
  { ...small, arch: 'conv6', width: 0.5, init: 'kaiming-normal', pattern: 'channel' },
]

describe.skipIf(!hasNumpy)('the Python reader', () => {
  it('rebuilds masks and weights to the bit, for each initialisation, pattern, seed and kind of weights', async () => {
    const expected: string[] = []
    const paths: string[] = []
    for (const [i, kind] of kinds.entries()) {
      const path = join(folder, `${i}.safetensors`)
      using ticket = drawTicket(kind)
      await ticket.save(path)
      using loaded = await loadTicket(path, { device })
      expected.push(...(await described(loaded.network)))
      paths.push(path)
    }
    const { stdout, stderr } = python(reader, ...paths)
    expect(stderr).toBe('')
    expect(stdout.trimEnd().split('\n')).toEqual(expected)
  })

  it('refuses a file in which a bit changed', async () => {
    const path = join(folder, 'damaged.safetensors')
    using ticket = drawTicket(kinds[0])
    await ticket.save(path)
    const bytes = await readFile(path)
    bytes[bytes.length - 1] ^= 1
    await writeFile(path, bytes)
    const { status, stderr } = python(reader, path)
    expect(status).toBe(1)
    expect(stderr).toContain('does not match its checksum')
  })
})

it.each(models.names)('the layers of %s are numbered in the natural order of their names', arch => {
  const network = models.create(arch, {
    classes: 2,
    inChannels: 1,
    imageSize: [32, 32],
    width: 0.01,
    mean: [0],
    std: [1],
    device,
  })
  const names = network.convolutions.map(({ spec }) => spec.name)
  const { compare } = new Intl.Collator('en', { numeric: true })
  expect(names.toSorted(compare)).toEqual(names)
  network.dispose()
})
