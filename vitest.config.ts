import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export const shared = { testTimeout: 60_000, pool: 'forks' as const, maxWorkers: 2 }
/** What examples and snippets import. */
export const resolve = {
  alias: [{ find: /^rst-native$/, replacement: fileURLToPath(new URL('src/index.ts', import.meta.url)) }],
}
const alone = ['test/training/long-run.test.ts']

// A second backend, which the native tests build (docs/backends.md), and the tests that small networks suffice for. Another
// device is tested by naming it: RST_DEVICE=NAME npx vitest run --project device
const ofPlain = 'test/devices/plain.test.ts'
const plain = `build-test/librst_plain.${process.platform === 'darwin' ? 'dylib' : 'so'}`
const { RST_DEVICE: device = 'plain', RST_BACKENDS: backends = `plain=${plain}` } = process.env
const onDevice = [
  'test/tensor/{gradients,scope,tape,async-bodies}.test.ts',
  'test/attacks/pgd.test.ts',
  'test/saved/ticket-file.test.ts',
  ...(device === 'plain' ? [ofPlain] : []),
]
if (device === 'plain' && !existsSync(plain)) {
  console.warn(`${plain} is not there: no test runs on a second device. npm run test:native builds it.`)
}

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        test: {
          ...shared,
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: [...alone, ofPlain],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'device',
          include: device === 'plain' && !existsSync(plain) ? [] : onDevice,
          env: { RST_DEVICE: device, RST_BACKENDS: backends },
          sequence: { groupOrder: 0 },
        },
      },
      // Measures time and memory, so nothing runs beside it; what other processes do is met by another try.
      { test: { ...shared, name: 'alone', include: alone, retry: 2, sequence: { groupOrder: 1 } } },
    ],
  },
})
