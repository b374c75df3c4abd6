// The backend made for tests of how backends are found: native/test/plugs/faulty.cc, built by npm run test:native.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../src/native/package-root.ts'

const names: Partial<Record<NodeJS.Platform, string>> = {
  win32: 'rst_faulty.dll',
  darwin: 'librst_faulty.dylib',
}

export const faultyLibrary = join(packageRoot, 'build-test', names[process.platform] ?? 'librst_faulty.so')

if (!existsSync(faultyLibrary)) {
  throw new Error(`${faultyLibrary} is missing: build it first, by npm run test:native`)
}
