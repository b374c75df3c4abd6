// Who is compared with on which work, and how each is started.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../src/native/package-root.ts'
import { autoAttackImages, autoAttackPasses } from '../autoattack.ts'
import type { Work } from '../row.ts'
import type { PeerCommand } from './peer-process.ts'

export interface Comparison {
  peer: string
  work: Work
  /** 'full': the batch of the command line. */
  batch: number | 'full'
  /** The weights that the peer computes with. */
  weights: 'masked' | 'dense'
}

const compare = (
  peers: readonly string[],
  work: Work,
  batches: readonly Comparison['batch'][],
  weights: 'masked' | 'dense' = 'masked',
): Comparison[] => batches.flatMap(batch => peers.map(peer => ({ peer, work, batch, weights })))

const evalVariants = ['pytorch-plain', 'pytorch-best', 'pytorch-compile']

export const comparisons: readonly Comparison[] = [
  ...compare(evalVariants, 'forward', [1, 'full']),
  ...compare(['onnxruntime-dense'], 'forward', [1, 'full'], 'dense'),
  ...compare(['onnxruntime-masked', 'tfjs-node', 'tfjs-wasm'], 'forward', [1, 'full']),
  ...compare(['tfjs-cpu'], 'forward', [1]),
  ...compare(['tfjs-node', 'tfjs-wasm'], 'input-gradient', [1, 'full']),
  ...compare(['tfjs-cpu'], 'input-gradient', [1]),
  ...compare(evalVariants, 'pgd-step', ['full']),
  ...compare(['pytorch-plain', 'pytorch-best'], 'autoattack', [autoAttackImages]),
  ...compare(['pytorch-official', 'pytorch-tuned'], 'search-step', ['full']),
  ...compare(['pytorch-plain', 'pytorch-tuned', 'pytorch-compile'], 'train-step', ['full'], 'dense'),
]

export const peerNames: readonly string[] = [...new Set(comparisons.map(({ peer }) => peer))]

const peersFolder = join(packageRoot, 'bench', 'peers')
const installPackages = 'run `npm install --prefix bench/peers`'

/** What to do about a peer that does not start. */
export function installHint(peer: string): string {
  if (peer.startsWith('pytorch')) return 'set RST_PYTHON to a Python that has torch (`pip install torch`)'
  if (peer === 'tfjs-node') {
    return `${installPackages}, and where that cannot download its library, \`sh bench/peers/build-tfjs-node.sh python3\` with a Python that has tensorflow`
  }
  return installPackages
}

/** @throws Error saying what is not installed */
export function peerCommand({ peer, work }: Comparison, modelFile: string, threads: number): PeerCommand {
  const env = { OMP_NUM_THREADS: String(threads) }
  if (peer.startsWith('pytorch')) {
    const python = process.env.RST_PYTHON
    if (!python) throw new Error('RST_PYTHON is not set.')
    const script = join(peersFolder, 'pytorch.py')
    const options = {
      work,
      implementation: peer,
      model: modelFile,
      threads,
      ...(work === 'autoattack' && autoAttackPasses),
    }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
    return { file: python, args: [script, ...args], env }
  }
  for (const name of packagesOf(peer)) requirePackage(name)
  return {
    file: process.execPath,
    args: [fileURLToPath(new URL('node-server.js', import.meta.url)), peer, work, modelFile, `${threads}`],
    env: {
      ...env,
      TF_ENABLE_ONEDNN_OPTS: '1',
      TF_NUM_INTRAOP_THREADS: String(threads),
      TF_CPP_MIN_LOG_LEVEL: '1',
    },
  }
}

function packagesOf(peer: string): string[] {
  if (peer.startsWith('onnxruntime')) return ['onnxruntime-node']
  if (peer === 'tfjs-node') return ['@tensorflow/tfjs-node']
  return ['@tensorflow/tfjs', `@tensorflow/${peer.replace('tfjs', 'tfjs-backend')}`]
}

function requirePackage(name: string): void {
  const paths = createRequire(join(peersFolder, 'package.json')).resolve.paths(name) ?? []
  if (!paths.some(folder => existsSync(join(folder, name)))) throw new Error(`${name} is not installed.`)
}
