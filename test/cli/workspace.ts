// What every test of the commands works with: data sets, a ticket and a run folder of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { writeTicket } from '../../src/saved/stored-ticket.ts'
import { writeCifar10, writeIdx } from '../data/synthetic.ts'
import { exampleTicket } from '../saved/example-ticket.ts'
import { rst } from './run-rst.ts'

/** Folder of the data sets: `cifar` and `idx`. */
export let data: string
/** An empty folder, new for each test, that holds `ticket`. */
export let folder: string
export let ticket: string

/** To be called once in each test file. */
export function useWorkspace(): void {
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'rst-cli-data-'))
    await writeCifar10(join(data, 'cifar'))
    await writeIdx(join(data, 'idx'))
  })
  afterAll(() => rm(data, { recursive: true }))
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rst-cli-'))
    ticket = join(folder, 'ticket.safetensors')
    await writeTicket(ticket, exampleTicket())
  })
  afterEach(() => rm(folder, { recursive: true }))
}

export const cifar = () => ['--dataset', 'cifar10', '--data', join(data, 'cifar')]
export const fashion = () => ['--dataset', 'fashion-mnist', '--data', join(data, 'idx')]
export const out = () => join(folder, 'run')
export const search = (...args: string[]) =>
  rst(['search', '--arch', 'conv2', ...fashion(), '--out', out(), ...args])
