// What reads files, with sound ones to begin with.
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { fgsmRs } from '../src/attacks/fgsm.ts'
import { pgd } from '../src/attacks/pgd.ts'
import { run } from '../src/cli/program.ts'
import { checkDataset } from '../src/data/check-dataset.ts'
import type { Dataset } from '../src/data/dataset.ts'
import { datasets } from '../src/data/datasets.ts'
import { evaluate } from '../src/evaluation/evaluate.ts'
import { RandomStream } from '../src/random/philox.ts'
import { type DenseModel, loadDense } from '../src/saved/dense-model.ts'
import { loadTicket, type Ticket } from '../src/saved/ticket.ts'
import { Device } from '../src/tensor/device.ts'
import { trainDense } from '../src/training/dense.ts'
import type { SearchOptions } from '../src/training/options.ts'
import { randomTicket, searchRST } from '../src/training/search.ts'

export interface FileTarget {
  readonly name: string
  /** Share of the runs. */
  readonly weight: number
  /** The sound files by their paths in the folder. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** What the files in the folder say, as characters that tell contents apart. */
  read(folder: string): Promise<string>
  /** Whether the file has nothing to prove itself by, so that what is read may differ from what was written. */
  readonly unproven?: boolean
}

const device = new Device({ threads: 1 })
const side = 6
const classes = 3

function smallDataset(): Dataset {
  const noise = new RandomStream(7, 5)
  const split = (size: number, from: number) => ({
    images: Uint8Array.from({ length: size * side * side }, (_, i) => noise.word(from + i) % 256),
    labels: Int32Array.from({ length: size }, (_, i) => i % classes),
    size,
  })
  const statistics = { mean: [0.5], std: [0.3] }
  const shape = { channels: 1, height: side, width: side }
  const info = { name: 'noise', classes, classNames: ['a', 'b', 'c'], ...shape, ...statistics, flip: true }
  return { train: split(16, 0), test: split(12, 1e5), info }
}

const data = smallDataset()
const network = { arch: 'conv2', width: 0.02, data, device }
const recipe = { inner: fgsmRs({ eps: 0.1 }), batchSize: 6, epochs: 2, selectEvery: 1, validationImages: 4 }
const search: SearchOptions = { ...network, ...recipe, remainingRatio: 0.5 }

function digest(...contents: unknown[]): string {
  const hash = createHash('sha256')
  const plain = (_: string, value: unknown) =>
    ArrayBuffer.isView(value) ? [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)] : value
  for (const content of contents) hash.update(`${JSON.stringify(content, plain)}\n`)
  return hash.digest('hex')
}

async function ofTicket(ticket: Ticket): Promise<string> {
  try {
    const { metadata, masks, runningMean, runningVar } = await ticket.data()
    return digest(metadata, [...masks], [...runningMean], [...runningVar])
  } finally {
    ticket.dispose()
  }
}

async function ofModel(model: DenseModel): Promise<string> {
  try {
    const { convolutions, batchNorms } = model.network
    const weights = await Promise.all(convolutions.map(({ weight }) => weight.data()))
    const norms = batchNorms.map(async n => [await n.runningMean.data(), await n.runningVar.data()])
    return digest(model.metadata, weights, await Promise.all(norms))
  } finally {
    model.dispose()
  }
}

/** The files that `write` leaves in a folder. */
async function filesOf(write: (folder: string) => Promise<unknown>): Promise<Map<string, Uint8Array>> {
  const folder = await mkdtemp(join(tmpdir(), 'rst-fuzz-'))
  try {
    await write(folder)
    const files = new Map<string, Uint8Array>()
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      files.set(path.slice(folder.length + 1), Uint8Array.from(await readFile(path)))
    }
    return files
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Runs `body`, which stops it at the given step, and ignores that it was stopped. */
async function stopped(
  body: (options: { signal: AbortSignal; stop: () => void }) => Promise<unknown>,
): Promise<void> {
  const controller = new AbortController()
  await body({ signal: controller.signal, stop: () => controller.abort() }).catch(error => {
    if (!controller.signal.aborted) throw error
  })
}

async function tickets(): Promise<FileTarget> {
  return {
    name: 'ticket',
    weight: 4,
    files: await filesOf(async folder => (await randomTicket(search)).save(join(folder, 'ticket'))),
    read: async folder => ofTicket(await loadTicket(join(folder, 'ticket'), { device })),
  }
}

async function denseModels(): Promise<FileTarget> {
  return {
    name: 'dense model',
    weight: 4,
    files: await filesOf(async folder =>
      (await trainDense({ ...network, ...recipe, inner: null })).model.save(join(folder, 'model')),
    ),
    read: async folder => ofModel(await loadDense(join(folder, 'model'), { device })),
  }
}

/** A run that was stopped before its last step: what a changed file may not change is what it comes to. */
async function runFolders(): Promise<FileTarget> {
  return {
    name: 'run folder',
    weight: 2,
    files: await filesOf(runDir =>
      stopped(({ signal, stop }) =>
        searchRST({
          ...search,
          runDir,
          checkpointMinutes: 1e-9,
          signal,
          onProgress: ({ step }) => step === 3 && stop(),
        }),
      ),
    ),
    async read(runDir) {
      const { ticket, history } = await searchRST({ ...search, runDir, resume: true, onWarning() {} })
      return digest(history, await ofTicket(ticket))
    },
  }
}

async function evaluations(): Promise<FileTarget> {
  const attacks = [pgd({ eps: 0.1, steps: 1 }), pgd({ eps: 0.2, steps: 2 })]
  const ticket = await randomTicket(search)
  const evaluation = (runDir: string) => ({ attacks, batchSize: 5, runDir })
  return {
    name: 'evaluation state',
    weight: 2,
    files: await filesOf(runDir =>
      stopped(({ signal, stop }) =>
        evaluate(ticket, data.test, {
          ...evaluation(runDir),
          signal,
          onProgress: ({ phase }) => phase === 'pgd-2' && stop(),
        }),
      ),
    ),
    async read(runDir) {
      const report = await evaluate(ticket, data.test, { ...evaluation(runDir), resume: true })
      const results = report.attacks.map(({ seconds: _, ...result }) => result)
      return digest(report.naturalAccuracy, report.worstCaseAccuracy, report.ids, results)
    },
  }
}

function idx(magic: number, sizes: number[], values: (i: number) => number): Uint8Array {
  const header = Buffer.alloc(4 + 4 * sizes.length)
  for (const [i, word] of [magic, ...sizes].entries()) header.writeUInt32BE(word, 4 * i)
  const count = sizes.reduce((product, size) => product * size, 1)
  return Buffer.concat([header, Uint8Array.from({ length: count }, (_, i) => values(i))])
}

function dataset(name: string, files: [string, Uint8Array][], unproven: boolean): FileTarget {
  return {
    name: `data set ${name}${unproven ? '' : ', packed'}`,
    weight: 1,
    files: new Map(files.map(([path, bytes]) => [path, Uint8Array.from(bytes)])),
    unproven,
    async read(folder) {
      const { train, test, info } = await datasets.open(name, folder)
      checkDataset({ train, test, info })
      return digest(train, test)
    },
  }
}

function idxDataset(packed: boolean): FileTarget {
  const of = (kind: 'train' | 't10k', count: number): [string, Uint8Array][] => [
    [`${kind}-images-idx3-ubyte`, idx(0x803, [count, 28, 28], i => i % 251)],
    [`${kind}-labels-idx1-ubyte`, idx(0x801, [count], i => i % 10)],
  ]
  const files = [...of('train', 3), ...of('t10k', 2)]
  const stored = files.map(([name, bytes]): [string, Uint8Array] =>
    packed ? [`${name}.gz`, gzipSync(bytes)] : [name, bytes],
  )
  return dataset('mnist', stored, !packed)
}

function cifarDataset(): FileTarget {
  const names = [1, 2, 3, 4, 5].map(i => `data_batch_${i}.bin`).concat('test_batch.bin')
  const record = (n: number) => Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? n : i % 256))
  return dataset(
    'cifar10',
    names.map((name, n) => [name, record(n)]),
    true,
  )
}

const config = `arch: conv4
dataset: fashion-mnist
ratio: 0.3
attack: fgsm-rs
eps: 8/255
epochs: 3
batch-size: 128
schedule: cosine
augment: false
seed: 7
`

/** Command lines that end where the data set is not found; what they answer is a code. */
function configFiles(): FileTarget {
  return {
    name: 'configuration',
    weight: 2,
    files: new Map([['config.yaml', new TextEncoder().encode(config)]]),
    unproven: true,
    async read(folder) {
      let printed = ''
      const silent = { write: () => {} }
      await run(
        ['search', '--config', join(folder, 'config.yaml'), '--json', '--data', join(folder, 'none')],
        {
          stdout: { write: text => (printed += text) },
          stderr: silent,
          env: {},
          date: () => new Date(0),
          now: () => 0,
          onInterrupt: () => () => {},
          exit: () => {},
        },
      )
      const code = /"code":"(\w+)"/.exec(printed)?.[1] ?? 'none'
      if (code === 'ERR_RST_UNEXPECTED') throw new Error(printed)
      return code
    },
  }
}

export async function fileTargets(): Promise<FileTarget[]> {
  return [
    await tickets(),
    await denseModels(),
    await runFolders(),
    await evaluations(),
    idxDataset(false),
    idxDataset(true),
    cifarDataset(),
    configFiles(),
  ]
}

/** Makes a folder hold the files, and nothing else. */
export async function layOut(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), bytes)
  }
}
