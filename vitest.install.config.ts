// The tests of the package as users install it: npm run test:install. They need the network, for npm's registry, and a
// prebuilt addon for this machine (npm run prebuild -- --platform host).
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/install/*.test.mjs'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
})
