import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export const shared = { testTimeout: 60_000, pool: 'forks' as const, maxWorkers: 2 }
/** What examples and snippets import. */
export const resolve = {
  alias: [{ find: /^rst-native$/, replacement: fileURLToPath(new URL('src/index.ts', import.meta.url)) }],
}
const alone = ['test/training/long-run.test.ts']

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        test: {
          ...shared,
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          sequence: { groupOrder: 0 },
        },
      },
      // Measures time and memory, so nothing runs beside it.
      { test: { ...shared, name: 'alone', include: alone, sequence: { groupOrder: 1 } } },
    ],
  },
})
