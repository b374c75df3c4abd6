// Attacks each of several tickets and shows how right the others stay: the transfer matrix, and what it means for a
// switch that answers each request by a ticket drawn at random.
//
//   node transfer.ts IMAGES TICKET TICKET…     tickets of one network, as search.ts makes them with several ratios

import { adversaries, attacks, datasets, evaluateR2S, R2S, transferMatrix } from 'rst-native'

const [images, ...files] = process.argv.slice(2)
const r2s = await R2S.load(files)
const { dataset } = r2s.tickets[0].metadata
const { test, info } = await datasets.open(dataset)
const { usualEps: eps = 8 / 255 } = info
const limit = Number(images)

const { matrix, natural, mean } = await transferMatrix(r2s.tickets, test, {
  attack: attacks.pgd({ eps }),
  limit,
})
const percent = (share: number) => `${(100 * share).toFixed(1)} %`.padStart(8)
console.log('attacked below, answered by →', ...files)
for (const [i, row] of matrix.entries())
  console.log(files[i], ...row.map(percent), ' natural', percent(natural[i]))
console.log('mean of the matrix, the switch under an attack on one ticket:', percent(mean))

// An adversary who knows all tickets and attacks the expectation itself.
const arc = await evaluateR2S(r2s, test, { adversary: adversaries.arc({ eps }), limit })
console.log('the switch under ARC:', percent(arc.robustAccuracy))
r2s.dispose()
