// node node-server.js PEER WORK MODEL_FILE THREADS: serves one peer's work over the line protocol of peer-process.ts.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packageRoot } from '../../src/native/package-root.ts'
import { peakMemory } from '../memory.ts'
import { time } from '../stopwatch.ts'
import { readModelFile } from './model-file.ts'
import { openOnnxRuntime } from './onnxruntime.ts'
import type { PeerSettings, PeerTask } from './peer-task.ts'
import { openTfjs, type TfjsBackend } from './tfjs.ts'

const [peer, work, modelFile, threads] = process.argv.slice(2) as [
  string,
  PeerSettings['work'],
  string,
  string,
]
const task = await open()
console.log('ready')
for await (const line of createInterface(process.stdin)) {
  const [command, count] = line.split(' ')
  if (command === 'run') console.log(`seconds ${await time({ run: repeat }, Number(count))}`)
  if (command === 'check') console.log(`check ${JSON.stringify(await checkedValues())}`)
  if (command === 'memory') console.log(`memory ${peakMemory()}`)
}

async function open(): Promise<PeerTask> {
  const settings: PeerSettings = {
    work,
    threads: Number(threads),
    model: await readModelFile(modelFile),
    load: createRequire(join(packageRoot, 'bench', 'peers', 'package.json')),
  }
  return peer.startsWith('onnxruntime') ? openOnnxRuntime(settings) : openTfjs(peer as TfjsBackend, settings)
}

async function repeat(iterations: number): Promise<void> {
  for (let i = 0; i < iterations; i++) await task.run()
}

async function checkedValues() {
  const { logits, gradient } = await task.check()
  return { logits: [...logits], ...(gradient && { gradient: [...gradient] }) }
}
