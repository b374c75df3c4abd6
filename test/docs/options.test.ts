// The documentation of options is what their tables give; `npm run docs` writes it anew.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { nameTables, optionReference, optionSchemas } from './option-tables.ts'

it('docs/options.md lists every option', async () => {
  await expect(optionReference()).toMatchFileSnapshot(resolve('docs/options.md'))
})

it('docs/options.schema.json has every option that JSON can say', async () => {
  const schemas = `${JSON.stringify(optionSchemas(), null, 2)}\n`
  await expect(schemas).toMatchFileSnapshot(resolve('docs/options.schema.json'))
})

it('README lists every attack and adversary', async () => {
  const readme = await readFile('README.md', 'utf8')
  const [begin, end] = ['<!-- npm run docs: attacks -->\n', '\n<!-- end -->']
  expect(readme.split(begin)).toHaveLength(2)
  const [before, rest] = readme.split(begin)
  const after = rest.slice(rest.indexOf(end))
  await expect(`${before}${begin}${nameTables()}${after}`).toMatchFileSnapshot(resolve('README.md'))
})
