import { describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/native/load.ts'
import { faultyLibrary as library } from './faulty-backend.ts'

type Call = (...args: unknown[]) => unknown
// The addon as it is, without the typed calls of src/.
const native = loadAddon() as Record<string, Call>
type Made = { handle: object; shape: number[]; dtype: string }

const cpu = { library: '', index: 0, threads: 1, memoryLimit: 0, sparse: true }
const device = native.createDevice!(cpu)
const other = native.createDevice!(cpu)
const gone = native.createDevice!(cpu)
const vector = (on: unknown) => native.upload!(on, [2], 'f32', new Uint8Array(8)) as Made
const x = vector(device)
const foreign = vector(other)
const orphan = vector(gone)
native.disposeDevice!(gone)
const released = vector(device)
native.release!(released.handle)
const staging = native.stage!([2], 'f32')

const recorder = native.createDevice!(cpu)
const begin = () => {
  native.cancelRecording!(recorder)
  native.beginRecording!(recorder, [])
}
/** Of one scaling of its input, on the device. */
function recorded(): object {
  native.beginRecording!(device, [x.handle])
  const [scaled] = native.run!(device, 'scale', [x.handle], { factor: 2 }) as Made[]
  return (native.endRecording!(device, [scaled!.handle]) as { handle: object }).handle
}
const recording = recorded()

/** Right arguments of every function. */
const calls: Record<string, () => unknown[]> = {
  createDevice: () => [cpu],
  backendDevices: () => [library],
  backendPath: () => ['faulty'],
  backendVerdict: () => [library],
  keepBackendVerdict: () => [library, '{}'],
  disposeDevice: () => [gone],
  describe: () => [device],
  facts: () => [device],
  supports: () => [device, 'add'],
  fallbacks: () => [device],
  convKernels: () => [device, [1, 2, 4, 4], [3, 2, 3, 3], { stride: 1, padding: 1 }, 0.5],
  memory: () => [device],
  clearCache: () => [device],
  resetPeak: () => [device],
  pending: () => [device],
  synchronize: () => [device],
  ops: () => [],
  run: () => [device, 'add', [x.handle, x.handle], {}],
  upload: () => [device, [2], 'f32', new Uint8Array(8)],
  stage: () => [[2], 'f32'],
  append: () => [native.stage!([2], 'f32'), new Uint8Array(8)],
  uploadStaged: () => {
    const full = native.stage!([1], 'u8')
    native.append!(full, new Uint8Array(1))
    return [device, full]
  },
  beginRecording: () => {
    native.cancelRecording!(recorder)
    return [recorder, []]
  },
  endRecording: () => {
    begin()
    return [recorder, []]
  },
  cancelRecording: () => [recorder],
  setRecorded: () => [recording, 'scale', { factor: 2 }],
  replay: () => [recording, [x.handle]],
  releaseRecording: () => [recorded()],
  release: () => [vector(device).handle],
  read: () => [device, x.handle],
}

const bad: unknown[] = [
  undefined,
  null,
  true,
  -1,
  Number.NaN,
  1e300,
  'text',
  Symbol('s'),
  10n,
  () => {},
  {},
  [],
  [Number.NaN],
  [-1],
  [1e12, 1e12],
  ['a'],
  new Array(1e9),
  new Float32Array(2),
  new Uint8Array(3),
  new DataView(new ArrayBuffer(8)),
  device,
  gone,
  x.handle,
  foreign.handle,
  orphan.handle,
  released.handle,
  staging,
  [staging],
  [released.handle, x.handle],
  [foreign.handle, x.handle],
  { threads: 0 },
  { stride: 'x', padding: [] },
]

const kindOf = (error: unknown) => (error as { kind?: string }).kind

describe('the addon', () => {
  it('has a row here for every function', () => {
    expect(Object.keys(calls).sort()).toEqual(Object.keys(native).sort())
  })

  it.each(Object.keys(calls))('%s runs on right arguments and refuses all others with a kind', async name => {
    const call = native[name]!
    await call(...calls[name]!())
    const tries: unknown[][] = [[...calls[name]!(), 1]]
    const count = calls[name]!().length
    for (let length = 0; length < count; length++) tries.push(calls[name]!().slice(0, length))
    for (let i = 0; i < count; i++) {
      for (const value of bad) {
        // What would be right there: a device to dispose once more, a tensor to release.
        const args = calls[name]!()
        if (typeof args[i] === typeof value && (value === gone || name === 'release')) continue
        if (name === 'disposeDevice' && value === device) continue
        args[i] = value
        tries.push(args)
      }
    }
    for (const args of tries) {
      try {
        const result = call(...args)
        // Some values are right by chance, such as a number among numbers; they must then work.
        await result
      } catch (error) {
        expect(kindOf(error), String(error)).toMatch(/^(shape|argument|device|memory)$/)
      }
    }
    native.cancelRecording!(device)
    expect(((await native.read!(device, x.handle)) as ArrayBuffer).byteLength).toBe(8)
  })

  it('names what it expected and what came', () => {
    const refused = (call: () => unknown) => {
      try {
        call()
      } catch (error) {
        return `${kindOf(error)}: ${(error as Error).message}`
      }
    }
    expect(refused(() => native.memory!())).toBe('argument: memory expects 1 argument but received 0.')
    expect(refused(() => native.memory!(x.handle))).toBe(
      'argument: memory, argument 1: Expected a device handle but received another native handle.',
    )
    expect(refused(() => native.run!(device, 'add', [x.handle, foreign.handle], {}))).toMatch(
      /^shape: add expects tensors of its own device but received one of another/,
    )
    expect(refused(() => native.read!(device, foreign.handle))).toMatch(
      /^shape: data expects tensors of its own/,
    )
    expect(refused(() => native.run!(device, 'add', [x.handle, released.handle], {}))).toMatch(
      /^shape: add expects a live tensor but received one that was disposed/,
    )
    expect(refused(() => native.pending!(gone))).toMatch(
      /^device: pending, argument 1: Expected a live device but received one that was disposed/,
    )
    expect(refused(() => native.uploadStaged!(device, staging))).toMatch(/Expected 8 bytes .* received 0/)
  })

  it('survives getters that dispose what is being used', () => {
    const own = native.createDevice!(cpu)
    const y = vector(own)
    const attributes = {
      get factor() {
        native.disposeDevice!(own)
        return 2
      },
      get value() {
        native.disposeDevice!(own)
        return 2
      },
    }
    expect(() => native.run!(own, 'scale', [y.handle], attributes)).toThrow()
    native.release!(y.handle)
    const another = native.createDevice!(cpu)
    const z = vector(another)
    native.beginRecording!(another, [z.handle])
    native.run!(another, 'scale', [z.handle], { factor: 2 })
    const { handle } = native.endRecording!(another, []) as Made
    const setter = {
      get factor() {
        native.disposeDevice!(another)
        return 3
      },
    }
    expect(() => native.setRecorded!(handle, 'scale', setter)).toThrow(/disposed/)
  })
})
