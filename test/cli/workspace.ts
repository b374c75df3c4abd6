// What every test of the commands works with: small data sets, two tickets of one random network and a run folder of its
// own. Everything is real and tiny.
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { datasets } from '../../src/data/datasets.ts'
import { Device } from '../../src/tensor/device.ts'
import { writeCifar10, writeIdx } from '../data/synthetic.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { rst } from './run-rst.ts'

/** Folder of the data sets: `cifar` and `idx`. */
export let data: string
/** An empty folder, new for each test, that holds `ticket` and `other`. */
export let folder: string
/** Of 30 and 50 % of the weights. */
export let ticket: string
export let other: string

/** To be called once in each test file. */
export function useWorkspace(): void {
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'rst-cli-data-'))
    await writeCifar10(join(data, 'cifar'))
    await writeIdx(join(data, 'idx'))
    const device = new Device({ threads: 1 })
    const set = await datasets.open('fashion-mnist', join(data, 'idx'))
    for (const ratio of [0.3, 0.5]) {
      using made = await quickTicket(ratio, device, { data: set, width: 0.05, batchSize: 8 })
      await made.save(join(data, `${ratio}.safetensors`))
    }
    device.dispose()
  })
  afterAll(() => rm(data, { recursive: true }))
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rst-cli-'))
    ticket = join(folder, 'ticket.safetensors')
    other = join(folder, 'other.safetensors')
    await copyFile(join(data, '0.3.safetensors'), ticket)
    await copyFile(join(data, '0.5.safetensors'), other)
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
}

export const cifar = () => ['--dataset', 'cifar10', '--data', join(data, 'cifar')]
export const fashion = () => ['--dataset', 'fashion-mnist', '--data', join(data, 'idx')]
export const out = () => join(folder, 'run')
/** A network and a training that take a moment; options after them override. */
export const tiny = [
  ...['--arch', 'conv2', '--width', '0.05', '--epochs', '1', '--batch-size', '10', '--threads', '1'],
  ...['--eval-limit', '4', '--eval-steps', '1'],
]
export const search = (...args: string[]) => rst(['search', ...tiny, ...fashion(), '--out', out(), ...args])
