import { expect, it } from 'vitest'
import { fuzzFiles } from '../../fuzz/files.ts'

// Longer runs: npm run fuzz.
it('every reader answers changed files by what the sound ones say, or by a typed error', async () => {
  const runs = Number(process.env.RST_FUZZ_RUNS ?? 300)
  const seed = Number(process.env.RST_FUZZ_SEED ?? 1)
  expect(await fuzzFiles({ seed, runs })).toEqual({ runs, failures: [] })
}, 3_600_000)
