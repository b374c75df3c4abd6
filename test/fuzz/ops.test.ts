import { expect, it } from 'vitest'
import { OpFuzzer } from '../../fuzz/op-calls.ts'

// npm run fuzz does the same for longer, in processes of its own.
it('every op answers random calls with a right result or a typed error', async () => {
  const fuzzer = new OpFuzzer()
  const failures: string[] = []
  for (let index = 0; index < 800; index++) {
    const failure = await fuzzer.run(1, index)
    if (failure !== null) failures.push(failure)
  }
  expect(failures).toEqual([])
  // Most calls are right, so that it is results that are compared.
  expect(fuzzer.counts.results).toBeGreaterThan(400)
  expect(fuzzer.counts.errors).toBeGreaterThan(100)
})
