// The tests of `npm run check`: what is quick and says most. Everything runs in `npm test`.
import { defineConfig } from 'vitest/config'
import { resolve, shared } from './vitest.config.ts'

const folders =
  'attacks,data,evaluation,files,inputs,models,nn,package/imports.test.ts,random,report,saved,tensor'

export default defineConfig({
  resolve,
  test: {
    ...shared,
    include: [`test/{${folders}}{,/**/*.test.ts}`],
    // Each of these takes longer than many others together.
    exclude: [
      'test/attacks/{autoattack,cw-l2,fab,options,square,streams,targeted}.test.ts',
      'test/data/{as-people-have-them,real}.test.ts',
      'test/evaluation/{resume,state}.test.ts',
      'test/inputs/public-entries.test.ts',
      'test/models/resnet18-reference.test.ts',
      'test/saved/ticket-format.test.ts',
      'test/tensor/event-loop.test.ts',
      'test/nn/large-batches.test.ts',
    ],
  },
})
