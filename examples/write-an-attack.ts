// Writes an attack: MI-FGSM, the iterative FGSM with momentum of Dong et al., "Boosting Adversarial Attacks with Momentum"
// (CVPR 2018), Algorithm 1, in L∞. The frame checks inputs and results, goes batch by batch, keeps finished batches for a
// resume, and counts passes; evaluate() treats the attack as one of the package's own.
//
//   node write-an-attack.ts TICKET [IMAGES]

import { fileURLToPath } from 'node:url'
import { type Attack, attackFrame, attacks, datasets, evaluate, loadTicket } from 'rst-native'

const { drawsOf, hostAttack, lossFor, project, reached, row, threatModel } = attackFrame

/** `decay` is what is left of the former gradients after a step, the paper's μ. */
export function momentumFgsm(options: { eps: number; steps?: number; decay?: number }): Attack {
  const { eps, steps = 10, decay = 1 } = options
  const threat = threatModel({ eps })
  return hostAttack({
    name: 'mi-fgsm',
    threat,
    settings: { steps, decay },
    // The natural images, each iterate, and the check of the result: by these progress is told.
    passes: () => ({ forwards: steps + 2, backwards: steps }),
    async attackBatch(oracle, batch) {
      const { count, images, labels, targets } = batch
      const size = oracle.imageSize
      const loss = lossFor('ce', targets !== undefined)
      const x = images.slice()
      const momentum = new Float64Array(x.length)
      const adversarial = images.slice()
      const bestLoss = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
      const fooled = new Uint8Array(count)
      for (let n = 0; n < count; n++) {
        // Draws are a function of seed and image alone, so batches change nothing.
        const draws = drawsOf('mi-fgsm', batch, n)
        for (let j = n * size; j < (n + 1) * size; j++) x[j] += eps * (2 * draws.uniform() - 1)
        project(row(x, n, size), row(images, n, size), threat)
      }
      for (let step = 0; step < steps; step++) {
        const { gradient } = await oracle.differentiate(x, (n, logits, cotangent) => {
          const value = loss(logits, labels[n], cotangent, targets?.[n] ?? -1)
          const wins = reached(batch, n, logits)
          if (fooled[n] === 1 || !(wins || value > bestLoss[n])) return
          fooled[n] = wins ? 1 : 0
          bestLoss[n] = value
          adversarial.set(row(x, n, size), n * size)
        })
        for (let n = 0; n < count; n++) {
          const norm = row(gradient, n, size).reduce((sum, g) => sum + Math.abs(g), 0) || 1
          for (let j = n * size; j < (n + 1) * size; j++) {
            momentum[j] = decay * momentum[j] + gradient[j] / norm
            x[j] += (eps / steps) * Math.sign(momentum[j])
          }
          project(row(x, n, size), row(images, n, size), threat)
        }
      }
      for (let n = 0; n < count; n++) if (fooled[n] === 0) adversarial.set(row(x, n, size), n * size)
      return { adversarial, bestLoss }
    },
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, images = '1000'] = process.argv.slice(2)
  const ticket = await loadTicket(file)
  const eps = ticket.metadata.dataset === 'fashion-mnist' ? 0.1 : 8 / 255
  const { test } = await datasets.open(ticket.metadata.dataset)
  const report = await evaluate(ticket, test, {
    attacks: [momentumFgsm({ eps }), attacks.pgd({ eps, steps: 10 })],
    limit: Number(images),
  })
  for (const { name, robustAccuracy, failedChecks } of report.attacks) {
    console.log(`${name}: robust accuracy ${robustAccuracy}, failed checks ${failedChecks}`)
  }
}
