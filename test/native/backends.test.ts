import { afterEach, describe, expect, it } from 'vitest'
import { backendNames } from '../../src/inputs/device-name.ts'
import { addon } from '../../src/native/addon.ts'
import { tryBackend } from '../../src/native/backend-trial.ts'
import { findBackend } from '../../src/native/backends.ts'
import { addonPath } from '../../src/native/load.ts'
import { faultyLibrary } from './faulty-backend.ts'

afterEach(() => {
  delete process.env.RST_FAULTY
  delete process.env.RST_BACKENDS
})

const devices = [
  { description: 'Faulty 0', problem: '' },
  { description: 'Faulty 1', problem: '' },
]
const start = `The library ${faultyLibrary} cannot be used: it`

describe('a library tried in a process of its own', () => {
  it('lists its devices', () => {
    expect(tryBackend(faultyLibrary)).toEqual({ devices })
  })

  it.each([
    ['crash', /^it ended the process in which it was tried \(SIGABRT[;)]/],
    ['exit', /^it ended the process in which it was tried \(exit code 3\)\.$/],
    ['no driver', /^There is no driver of the faulty kind\.$/],
    ['abi', /was built for another version of rst-native \(0123456789abcdef, not \w{16}[-+\w]*\): build it/],
  ])('costs a sentence where it fails: %s', (fault, sentence) => {
    process.env.RST_FAULTY = fault
    const { problem } = tryBackend(faultyLibrary) as { problem: string }
    expect(problem.replace(`The library ${faultyLibrary} cannot be used: `, '')).toMatch(sentence)
  })

  it('is given up where it hangs', () => {
    process.env.RST_FAULTY = 'hang'
    expect(tryBackend(faultyLibrary, 1500)).toEqual({
      problem: `${start} did not answer within 1.5 s when it was tried.`,
    })
  })

  it('is refused where it is something else', () => {
    expect(tryBackend(addonPath())).toEqual({
      problem: `The library ${addonPath()} is no backend of rst-native: it does not export rst_backend_abi.`,
    })
    expect(tryBackend(import.meta.filename)).toMatchObject({
      problem: expect.stringMatching(/^The library .*backends\.test\.ts could not be opened: /),
    })
  })
})

describe('backends by name', () => {
  it('are those of the package and those that RST_BACKENDS registers', () => {
    expect(backendNames()).toEqual(['cuda'])
    process.env.RST_BACKENDS = `faulty=${faultyLibrary}:other=/nowhere/x.so`
    expect(backendNames()).toEqual(['cuda', 'faulty', 'other'])
    expect(() => findBackend('other')).toThrow(
      "No OTHER backend is installed: there is no file /nowhere/x.so. Use the device 'cpu' or 'auto'.",
    )
    process.env.RST_BACKENDS = 'other'
    expect(() => findBackend('other')).toThrow(
      `there is neither a package rst-native-other-${process.platform}-${process.arch} nor a file ${addon().backendPath('other')}.`,
    )
    process.env.RST_BACKENDS = 'cpu=/nowhere/x.so'
    expect(() => backendNames()).toThrow(
      "Expected name=path or name, several separated by ':', in the environment variable RST_BACKENDS but received 'cpu=/nowhere/x.so'.",
    )
  })

  it('are tried once a process, and a sentence is kept as well', () => {
    process.env.RST_BACKENDS = `faulty=${faultyLibrary}`
    expect(addon().backendVerdict(faultyLibrary)).toBeNull()
    expect(findBackend('faulty')).toEqual({ path: faultyLibrary, devices })
    process.env.RST_FAULTY = 'crash'
    expect(findBackend('faulty')).toEqual({ path: faultyLibrary, devices })
    addon().keepBackendVerdict(faultyLibrary, JSON.stringify({ problem: 'It crashed.' }))
    expect(() => findBackend('faulty')).toThrow('It crashed.')
  })
})
