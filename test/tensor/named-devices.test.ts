import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, DeviceError, ShapeError } from '../../src/errors.ts'
import { type DeviceName, parseDeviceName } from '../../src/inputs/device-name.ts'
import { addon } from '../../src/native/addon.ts'
import { Device, resolveDevice } from '../../src/tensor/device.ts'
import { listDevices } from '../../src/tensor/list-devices.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { faultyLibrary } from '../native/faulty-backend.ts'

const faulty = (index?: number) => `faulty${index === undefined ? '' : `:${index}`}` as DeviceName

beforeAll(() => {
  process.env.RST_BACKENDS = `faulty=${faultyLibrary}`
})
afterAll(() => {
  delete process.env.RST_BACKENDS
  delete process.env.RST_DEVICE
})

describe('the name of a device', () => {
  it.each([
    ['auto', { backend: 'auto' }],
    ['cpu', { backend: 'cpu' }],
    ['cuda', { backend: 'cuda' }],
    ['cuda:0', { backend: 'cuda', index: 0 }],
    ['cuda:12', { backend: 'cuda', index: 12 }],
    ['faulty:1', { backend: 'faulty', index: 1 }],
  ])('is read: %s', (name, parts) => {
    expect(parseDeviceName(name)).toEqual(parts)
  })

  it.each(['', 'gpu', 'CPU', 'cpu:0', 'auto:1', 'cuda:', 'cuda:01', 'cuda:-1', 'cuda:1.5', 7, null, {}])(
    'is refused where there is no such: %j',
    name => {
      const refused = expect.objectContaining({
        option: 'device',
        message: expect.stringContaining('Expected one of auto, cpu, cuda[:n], faulty[:n] for device but'),
      })
      expect(() => parseDeviceName(name)).toThrow(refused)
      expect(() => resolveDevice(name as DeviceName)).toThrow(ConfigError)
      expect(() => new Device({ name: name as DeviceName })).toThrow(ConfigError)
    },
  )
})

describe('devices by name', () => {
  it('are the CPU without a GPU, for which no library is tried', () => {
    expect(Device.default.name).toBe('cpu')
    expect(resolveDevice('auto')).toBe(resolveDevice('cpu'))
    expect(addon().backendVerdict(addon().backendPath('cuda'))).toBeNull()
  })

  it('say in one sentence what is missing', () => {
    const message = `No CUDA backend is installed: there is neither a package rst-native-cuda-${process.platform}-${process.arch} nor a file ${addon().backendPath('cuda')}. Use the device 'cpu' or 'auto'.`
    for (const name of ['cuda', 'cuda:3'] as const) {
      expect(() => resolveDevice(name)).toThrow(new DeviceError(message))
      expect(() => new Device({ name })).toThrow(new DeviceError(message))
    }
    expect(() => resolveDevice(faulty(7))).toThrow(
      new DeviceError(
        'There is no device faulty:7: the faulty backend has faulty:0 (Faulty 0), faulty:1 (Faulty 1).',
      ),
    )
  })

  it('of a library compute, and are one for each name', async () => {
    const device = resolveDevice(faulty())
    expect(device.name).toBe('faulty:0')
    expect(resolveDevice(faulty(0))).toBe(device)
    expect(resolveDevice(faulty(1))).not.toBe(device)
    using x = tensor([1, 2, 3], [3], { device })
    using y = ops.scale(x, 2)
    expect([...(await y.data())]).toEqual([2, 4, 6])
  })

  it('are listed with what they are, or why they cannot be used', () => {
    expect(listDevices()).toEqual([
      { name: 'cpu', description: Device.default.description, usable: true },
      {
        name: 'cuda',
        description: 'CUDA',
        usable: false,
        problem: expect.stringMatching(/^No CUDA backend is installed/),
      },
      { name: 'faulty:0', description: 'Faulty 0', usable: true },
      { name: 'faulty:1', description: 'Faulty 1', usable: true },
    ])
  })

  it('cannot be mixed: the error names both', () => {
    using other = new Device({ name: 'cpu', threads: 1 })
    const [a, b] = [
      tensor([1], [1], { device: resolveDevice(faulty()) }),
      tensor([1], [1], { device: other }),
    ]
    expect(() => ops.add(a, b)).toThrow(
      new ShapeError(
        `add expects all its tensors on one device but received b on cpu (${other.description}), the others on faulty:0 (${a.device.description}).`,
      ),
    )
    using same = new Device({ name: 'cpu', threads: 1 })
    expect(() => ops.add(b, tensor([1], [1], { device: same }))).toThrow(
      /received b on another cpu \(CPU, .*\), the others on cpu \(CPU/,
    )
  })
})
