import { defineConfig } from 'vitest/config'

const shared = { testTimeout: 60_000, pool: 'forks' as const, maxWorkers: 2 }
const alone = ['test/training/long-run.test.ts']

export default defineConfig({
  test: {
    projects: [
      {
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
