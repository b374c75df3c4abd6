// The documentation of options is what their tables give; `npm run docs` writes it anew.
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { optionReference, optionSchemas } from './option-tables.ts'

it('docs/options.md lists every option', async () => {
  await expect(optionReference()).toMatchFileSnapshot(resolve('docs/options.md'))
})

it('docs/options.schema.json has every option that JSON can say', async () => {
  const schemas = `${JSON.stringify(optionSchemas(), null, 2)}\n`
  await expect(schemas).toMatchFileSnapshot(resolve('docs/options.schema.json'))
})
