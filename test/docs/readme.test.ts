// README: short, with the two commands that begin everything, and a picture of measured numbers.
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { blocks, markdown } from './markdown-files.ts'
import { type Accuracies, ticketPicture } from './ticket-picture.ts'

const readme = markdown('README.md')

it('is shorter than 200 lines', () => {
  expect(readme.split('\n').length).toBeLessThan(200)
})

it('has the commands of a checkout, as they are', () => {
  const commands = blocks('README.md', 'sh').flatMap(block => block.split('\n'))
  expect(commands).toContain('sh setup.sh && npx rst search --config examples/quickstart.yaml')
  expect(commands).toContain('sh setup.sh && npm test')
})

/** A row of the first table of the results. */
function measured(name: string): Accuracies {
  const row = new RegExp(`^\\| ${name} \\| ([\\d.]+) % [^|]*\\| ([\\d.]+) %`, 'm').exec(
    markdown('docs/results.md'),
  )
  const [, natural, robust] = row!.map(Number)
  return { natural, robust }
}

it('has a picture, drawn from the results (npm run docs draws it anew)', async () => {
  const path = 'docs/images/robust-ticket.svg'
  expect(readme).toContain(`](${path})`)
  const picture = ticketPicture(measured('ticket'), measured('random mask'))
  await expect(picture).toMatchFileSnapshot(resolve(path))
})
