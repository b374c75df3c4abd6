// README: short, with the two commands that begin everything.
import { expect, it } from 'vitest'
import { blocks, markdown } from './markdown-files.ts'

const readme = markdown('README.md')

it('is shorter than 200 lines', () => {
  expect(readme.split('\n').length).toBeLessThan(200)
})

it('has the commands of a checkout, as they are', () => {
  const commands = blocks('README.md', 'sh').flatMap(block => block.split('\n'))
  expect(commands).toContain('sh setup.sh && npx rst search --config examples/quickstart.yaml')
  expect(commands).toContain('sh setup.sh && npm test')
})
