import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, it, vi } from 'vitest'
import { faultyLibrary } from '../native/faulty-backend.ts'

const folder = mkdtempSync(join(tmpdir(), 'rst-devices-'))
// Under a name of its own: what was found out about a library is kept for the process.
function registerCuda(name: string): void {
  symlinkSync(faultyLibrary, join(folder, name))
  process.env.RST_BACKENDS = `cuda=${join(folder, name)}`
}

// Names are looked up once: each test loads the modules anew.
async function load() {
  vi.resetModules()
  const { Device } = await import('../../src/tensor/device.ts')
  const { listDevices } = await import('../../src/tensor/list-devices.ts')
  return { Device, listDevices }
}

beforeEach(() => {
  for (const name of ['RST_BACKENDS', 'RST_DEVICE', 'RST_FAULTY']) delete process.env[name]
})
afterAll(() => rmSync(folder, { recursive: true }))

it("'auto' is the first GPU that works", async () => {
  registerCuda('busy.so')
  process.env.RST_FAULTY = 'first busy'
  const { Device, listDevices } = await load()
  expect(Device.default.name).toBe('cuda:1')
  expect(listDevices().slice(1)).toEqual([
    { name: 'cuda:0', description: 'Faulty 0', usable: false, problem: 'Another program has it.' },
    { name: 'cuda:1', description: 'Faulty 1', usable: true },
  ])
  expect(() => new Device({ name: 'cuda:0' })).toThrow(
    'The device cuda:0 (Faulty 0) cannot be used: Another program has it.',
  )
})

it("'auto' is the CPU where the driver of the GPU crashes, and the list says so", async () => {
  registerCuda('crash.so')
  process.env.RST_FAULTY = 'crash'
  const { Device, listDevices } = await load()
  expect(Device.default.name).toBe('cpu')
  expect(listDevices()[1]).toMatchObject({ name: 'cuda', usable: false })
  expect(listDevices()[1]!.problem).toMatch(/ended the process in which it was tried \(SIGABRT/)
})

it("RST_DEVICE names what 'auto' is", async () => {
  process.env.RST_BACKENDS = `faulty=${faultyLibrary}`
  process.env.RST_DEVICE = 'gpu'
  const { Device } = await load()
  expect(() => Device.default).toThrow(/^Expected one of .*faulty\[:n\] for RST_DEVICE but received 'gpu'/)
  process.env.RST_DEVICE = 'faulty:1'
  expect(Device.default.name).toBe('faulty:1')
  process.env.RST_DEVICE = 'auto'
  expect((await load()).Device.default.name).toBe('cpu')
})
