// Searches a robust scratch ticket in a network that was never trained, measures it beside a random mask of the same
// ratio, and saves it.
//
//   node search.ts [RATIO] [FILE] [IMAGES]     default: 0.3 ticket.safetensors 60000
//
// Fashion-MNIST is read from the usual places (npx rst data where fashion-mnist). Ctrl-C stops; the run folder beside
// the file keeps a checkpoint, and the same command goes on from there to the same bits.

import { existsSync } from 'node:fs'
import { attacks, datasets, evaluate, randomTicket, searchRST } from 'rst-native'

const [ratio = '0.3', file = 'ticket.safetensors', images = '60000'] = process.argv.slice(2)
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const data = await datasets.fashionMnist()
const runDir = `${file}.run`
const recipe = {
  arch: 'conv4',
  width: 0.5,
  data,
  remainingRatio: Number(ratio),
  inner: attacks.fgsmRs({ eps: 0.1 }),
  epochs: 1,
  batchSize: 128,
  limit: Number(images),
  seed: 0,
}
const { ticket } = await searchRST({
  ...recipe,
  runDir,
  resume: existsSync(`${runDir}/config.json`),
  signal: stop.signal,
  onProgress: ({ step, steps, loss }) => {
    if (step % 50 === 0) console.log(`step ${step} of ${steps}, loss ${loss.toFixed(3)}`)
  },
})
const settings = {
  attacks: [attacks.pgd({ eps: 0.1, stepSize: 0.025 })],
  limit: Math.min(1000, Number(images)),
}
const random = await randomTicket(recipe)
for (const [name, model] of Object.entries({ searched: ticket, random })) {
  const { naturalAccuracy, attacks: reports } = await evaluate(model, data.test, settings)
  console.log(`${name}: natural ${naturalAccuracy}, ${reports[0].name} ${reports[0].robustAccuracy}`)
}
await ticket.save(file)
console.log(`${file}: ${ticket.parameters.kept} of ${ticket.parameters.total} weights`)
