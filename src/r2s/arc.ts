// ARC, the attack on randomised ensembles of Dbouk & Shanbhag, "Adversarial Vulnerability of Randomized Ensembles"
// (ICML 2022). It lowers the expected accuracy itself, one classifier after the other, where the gradients of EOT cancel.
import { type AttackFactory, attackFactory } from '../attacks/frame/attack-row.ts'
import { attackBatches } from '../attacks/frame/batches.ts'
import { descending, topClass } from '../attacks/frame/losses.ts'
import { Oracle, row, rows } from '../attacks/frame/oracle.ts'
import {
  epsRow,
  type Norm,
  normRow,
  pixelSize,
  type ThreatModel,
  threatModel,
} from '../attacks/frame/threat-model.ts'
import { count } from '../inputs/kinds.ts'
import { computed, type OptionsOf, option } from '../inputs/rows.ts'
import { checkTickets, type SwitchAttack } from './switch-attack.ts'

export const arcRows = {
  eps: epsRow,
  norm: normRow,
  steps: option(count(), 20, 'rounds over all tickets', { flag: 'steps' }),
  stepSize: option(
    pixelSize,
    computed('eps', ({ eps }: { eps: number }) => eps),
    'step size',
    { flag: 'stepSize', more: 'The length η of the step that a round may take, above 0 where eps is.' },
  ),
  rho: option(
    pixelSize,
    computed('0.05·eps', ({ eps }: { eps: number }) => 0.05 * eps),
    'pushes a step past the boundary it aims at',
  ),
  boundaries: option(count(), 9, 'classes whose boundaries are linearised, those of largest logits', {
    more: 'Each costs a pass forwards and backwards; 9 is all on CIFAR-10.',
  }),
}
/** Options of `adversaries.arc`. */
export type ArcOptions = OptionsOf<typeof arcRows>

/**
 * ARC (Dbouk & Shanbhag, ICML 2022), which lowers the expected accuracy itself, one ticket after the other, where
 * the gradients of EOT cancel: the adversary to trust.
 *
 * Starts at the image itself and draws nothing. Tickets are visited in order of probability; those of a switch are
 * equally likely, so in the order of the switch. An image leaves once no ticket is right, or once a round moved it
 * nowhere, since the next would be the same.
 *
 * The reference code starts at random but compares with the accuracy at the image; it linearises at the sum of the
 * perturbations, which may lie outside ball and box, and takes the distance to the boundary from there. Here that
 * point is projected first, and the distance is from where the round began, as in the paper's algorithm: so the step,
 * brought to length η, still crosses a linear boundary within η.
 * @throws ConfigError
 * @example
 * import { adversaries, datasets, evaluateR2S, R2S } from 'rst-native'
 * const r2s = await R2S.load(['rst-5.safetensors', 'rst-10.safetensors'])
 * const { test } = await datasets.cifar10()
 * const adversary = adversaries.arc({ eps: 8 / 255, steps: 5 })
 * const { robustAccuracy, naturalAccuracy } = await evaluateR2S(r2s, test, { adversary, limit: 1000 })
 * console.log(robustAccuracy <= naturalAccuracy) // → true
 */
export const arc: AttackFactory<ArcOptions, SwitchAttack> = attackFactory(
  {
    name: 'arc',
    title: 'ARC',
    paper: 'Dbouk & Shanbhag, ICML 2022',
    options: arcRows,
    targeted: false,
    lacks: { restarts: 'it draws nothing, so --restarts would repeat it' },
  },
  ({ eps, norm, steps, stepSize, rho, boundaries }) => {
    const threat = threatModel({ eps, norm })
    return {
      name: `arc-${steps}`,
      eps,
      norm,
      against: 'all',
      settings: { eps, norm, steps, stepSize, rho, boundaries },
      passes(classes, tickets) {
        const visits = steps * tickets
        const linearised = Math.min(boundaries, classes - 1) * visits
        return { forwards: tickets + linearised + visits * tickets, backwards: linearised }
      },
      async run(tickets, images, labels, options = {}) {
        checkTickets(tickets)
        return attackBatches(
          tickets[0],
          images,
          labels,
          options,
          async (batch, { signal }) => {
            const oracles = tickets.map(ticket => new Oracle(ticket, signal))
            const settings = {
              natural: batch.images,
              labels: batch.labels,
              threat,
              stepSize,
              rho,
              boundaries,
            }
            const { found, right } = await attackBatch(oracles, settings, steps)
            return {
              adversarial: found,
              robust: right.map(count => (count > 0 ? 1 : 0)),
              bestLoss: right.map(count => -count / tickets.length),
              forwards: oracles.reduce((sum, { forwards }) => sum + forwards, 0),
              backwards: oracles.reduce((sum, { backwards }) => sum + backwards, 0),
              warnings: [],
            }
          },
          { name: 'arc' },
        )
      },
    }
  },
)

interface ArcBatch {
  /** [n·C·H·W] */
  readonly natural: Float32Array<ArrayBuffer>
  readonly labels: Int32Array
  readonly threat: ThreatModel
  readonly stepSize: number
  readonly rho: number
  readonly boundaries: number
}

async function attackBatch(
  oracles: readonly Oracle[],
  batch: ArcBatch,
  steps: number,
): Promise<{ found: Float32Array<ArrayBuffer>; right: number[] }> {
  const { imageSize } = oracles[0]
  const found = new Float32Array(batch.natural)
  const right = await ticketsRight(oracles, found, batch.labels)
  let active = Array.from(right, (_, n) => n).filter(n => right[n] > 0)
  for (let step = 0; step < steps && active.length > 0; step++) {
    const part = {
      ...batch,
      natural: rows(batch.natural, active, imageSize),
      labels: Int32Array.from(active, n => batch.labels[n]),
    }
    const begin = rows(found, active, imageSize)
    const result = await round(
      oracles,
      part,
      begin,
      active.map(n => right[n]),
    )
    active.forEach((n, i) => {
      found.set(row(result.points, i, imageSize), n * imageSize)
      right[n] = result.right[i]
    })
    active = active.filter((n, i) => right[n] > 0 && result.moved[i])
  }
  return { found, right }
}

/**
 * One visit to every ticket.
 * @param begin the points where the round begins, [n·C·H·W]
 * @param beginRight for each, the number of tickets that are right there
 */
async function round(
  oracles: readonly Oracle[],
  batch: ArcBatch,
  begin: Float32Array<ArrayBuffer>,
  beginRight: readonly number[],
): Promise<{ points: Float32Array<ArrayBuffer>; right: number[]; moved: boolean[] }> {
  const { labels, threat, stepSize, rho } = batch
  const { imageSize } = oracles[0]
  const count = labels.length
  const points = new Float32Array(begin)
  const right = [...beginRight]
  const moved = beginRight.map(() => false)
  /** The step of this round so far, before projection; of norm stepSize once there is one. */
  const local = new Float32Array(begin.length)
  const candidateLocal = new Float32Array(begin.length)
  const candidates = new Float32Array(begin.length)
  for (const [visit, oracle] of oracles.entries()) {
    const nearest = await nearestBoundaries(oracle, points, batch)
    for (let n = 0; n < count; n++) {
      const [natural, from, at] = [batch.natural, begin, points].map(all => row(all, n, imageSize))
      const [delta, aim, candidate] = [local, candidateLocal, candidates].map(all => row(all, n, imageSize))
      const boundary = { normal: row(nearest.normals, n, imageSize), gap: nearest.gaps[n] }
      const beta = stepLength(boundary, { from, at, delta }, { visit, stepSize, rho, norm: threat.norm })
      lengthen(delta, boundary.normal, beta, { stepSize, norm: threat.norm }, aim)
      project(natural, from, aim, threat, candidate)
    }
    const candidateRight = await ticketsRight(oracles, candidates, labels)
    for (let n = 0; n < count; n++) {
      if (candidateRight[n] > right[n]) continue
      right[n] = candidateRight[n]
      const [before, candidate] = [points, candidates].map(all => row(all, n, imageSize))
      moved[n] ||= before.some((value, i) => value !== candidate[i])
      before.set(candidate)
      row(local, n, imageSize).set(row(candidateLocal, n, imageSize))
    }
  }
  return { points, right, moved }
}

/**
 * For each point, the gap between the largest logit and the one whose linearised boundary with it is nearest, and the
 * gap's gradient; zeros where there is no boundary.
 */
async function nearestBoundaries(
  oracle: Oracle,
  points: Float32Array<ArrayBuffer>,
  { labels, threat, boundaries }: ArcBatch,
): Promise<{ normals: Float32Array; gaps: Float64Array }> {
  const { classes, imageSize } = oracle
  const normals = new Float32Array(points.length)
  const gaps = new Float64Array(labels.length)
  const distances = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  const gap = new Float64Array(labels.length)
  for (let rank = 1; rank <= Math.min(boundaries, classes - 1); rank++) {
    const { gradient } = await oracle.differentiate(points, (n, logits, cotangent) => {
      const order = descending(logits)
      gap[n] = logits[order[0]] - logits[order[rank]]
      cotangent[order[0]] = 1
      cotangent[order[rank]] = -1
    })
    for (let n = 0; n < labels.length; n++) {
      const normal = row(gradient, n, imageSize)
      const distance = gap[n] / dualNorm(normal, threat.norm)
      if (!(distance < distances[n])) continue
      distances[n] = distance
      gaps[n] = gap[n]
      normals.set(normal, n * imageSize)
    }
  }
  return { normals, gaps }
}

/** The paper's β: how far towards the boundary, so that the step crosses it after it is brought to norm η. */
function stepLength(
  { normal, gap }: { normal: Float32Array; gap: number },
  { from, at, delta }: { from: Float32Array; at: Float32Array; delta: Float32Array },
  { visit, stepSize, rho, norm }: { visit: number; stepSize: number; rho: number; norm: Norm },
): number {
  const length = dualNorm(normal, norm)
  if (visit === 0 || length === 0) return stepSize
  let travelled = 0
  let along = 0
  for (let i = 0; i < normal.length; i++) {
    travelled += normal[i] * (at[i] - from[i])
    along += normal[i] * delta[i]
  }
  const distance = (gap - travelled) / length
  if (distance >= stepSize) return stepSize
  return (stepSize / (stepSize - distance)) * Math.abs(along / length + distance) + rho
}

/** out = η · (delta + β·g) / ‖delta + β·g‖, g the direction of norm 1 in which the gap falls fastest. */
function lengthen(
  delta: Float32Array,
  normal: Float32Array,
  beta: number,
  { stepSize, norm }: { stepSize: number; norm: Norm },
  out: Float32Array,
): void {
  const length = dualNorm(normal, norm)
  if (length === 0) {
    out.set(delta)
    return
  }
  let largest = 0
  let squares = 0
  for (let i = 0; i < delta.length; i++) {
    const direction = norm === 'linf' ? Math.sign(normal[i]) : normal[i] / length
    const value = delta[i] - beta * direction
    out[i] = value
    largest = Math.max(largest, Math.abs(value))
    squares += value * value
  }
  const size = norm === 'linf' ? largest : Math.sqrt(squares)
  const factor = size > 0 ? stepSize / size : 0
  for (let i = 0; i < out.length; i++) out[i] *= factor
}

/** out = from + step, brought back into the ball about the natural image, then into the box. */
function project(
  natural: Float32Array,
  from: Float32Array,
  step: Float32Array,
  { norm, eps, low, high }: ThreatModel,
  out: Float32Array,
): void {
  let squares = 0
  if (norm === 'l2') {
    for (let i = 0; i < out.length; i++) squares += (from[i] + step[i] - natural[i]) ** 2
  }
  const shrink = squares > eps * eps ? eps / Math.sqrt(squares) : 1
  for (let i = 0; i < out.length; i++) {
    const moved = (from[i] + step[i] - natural[i]) * shrink
    const kept = norm === 'linf' ? Math.min(eps, Math.max(-eps, moved)) : moved
    out[i] = Math.min(high, Math.max(low, natural[i] + kept))
  }
}

/** The norm dual to the threat's: L1 to L∞, L2 to itself. */
function dualNorm(values: Float32Array, norm: Norm): number {
  let sum = 0
  if (norm === 'linf') for (let i = 0; i < values.length; i++) sum += Math.abs(values[i])
  else for (let i = 0; i < values.length; i++) sum += values[i] * values[i]
  return norm === 'linf' ? sum : Math.sqrt(sum)
}

/** For each image, the number of tickets that are right: the expected accuracy times their number. */
async function ticketsRight(
  oracles: readonly Oracle[],
  points: Float32Array<ArrayBuffer>,
  labels: Int32Array,
): Promise<number[]> {
  const right = Array.from(labels, () => 0)
  for (const oracle of oracles) {
    const logits = await oracle.logits(points)
    for (let n = 0; n < labels.length; n++) {
      if (topClass(row(logits, n, oracle.classes)) === labels[n]) right[n]++
    }
  }
  return right
}
