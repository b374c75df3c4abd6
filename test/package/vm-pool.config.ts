// Tests in a context of node:vm, as Jest and some of vitest's pools run them; used by realms.test.ts.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { pool: 'vmForks', maxWorkers: 1, testTimeout: 60_000, include: ['test/package/in-context.ts'] },
})
