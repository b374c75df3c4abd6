// The losses that attacks maximise, on logits in host memory: values and derivatives, in double precision.
import { ConfigError } from '../../errors.ts'

/** A loss of one image: its value, and its derivative to the logits written to `cotangent` [classes]. */
export type Loss = (
  logits: Float32Array,
  label: number,
  cotangent: Float64Array,
  /** Of targeted losses. */
  target: number,
) => number

/** The losses of attacks by name: cross-entropy, the difference of logits ratio, and the margin of Carlini & Wagner. */
export type UntargetedLoss = 'ce' | 'dlr' | 'cw'
export const untargetedLosses: readonly UntargetedLoss[] = ['ce', 'dlr', 'cw']
export type LossName = UntargetedLoss | 'dlr-targeted'

/** Added to the denominator of DLR (reference code). */
const tiny = 1e-12
/** Cross-entropy, log Σ exp z − z_y. */
const ce: Loss = (logits, label, cotangent) => {
  const top = Math.max(...logits)
  let sum = 0
  for (let c = 0; c < logits.length; c++) sum += cotangent[c] = Math.exp(logits[c] - top)
  for (let c = 0; c < logits.length; c++) cotangent[c] /= sum
  cotangent[label] -= 1
  return top + Math.log(sum) - logits[label]
}

/**
 * Difference of logits ratio, −(z_y − max_{i≠y} z_i) / (z_π1 − z_π3 + 1e-12), π sorting the logits from the largest
 * (Croce & Hein, "Reliable evaluation of adversarial robustness", ICML 2020, Eq. 6). Needs three classes.
 */
const dlr: Loss = (logits, label, cotangent) => {
  const order = descending(logits)
  const other = order[0] === label ? order[1] : order[0]
  return ratio(
    logits,
    cotangent,
    [label, other],
    [
      [order[0], 1],
      [order[2], -1],
    ],
  )
}

/** Targeted DLR, −(z_y − z_t) / (z_π1 − (z_π3 + z_π4)/2 + 1e-12) (same paper, Eq. 7). Needs four classes. */
const dlrTargeted: Loss = (logits, label, cotangent, target) => {
  const order = descending(logits)
  return ratio(
    logits,
    cotangent,
    [label, target],
    [
      [order[0], 1],
      [order[2], -0.5],
      [order[3], -0.5],
    ],
  )
}

/** −max(z_y − max_{j≠y} z_j + κ, 0), the margin of Carlini & Wagner (S&P 2017, Section V-A, f6), κ the confidence. */
export function cwLoss(kappa: number): Loss {
  return (logits, label, cotangent) => {
    cotangent.fill(0)
    const other = bestOther(logits, label)
    const hinge = logits[label] - logits[other] + kappa
    if (!(hinge > 0)) return hinge <= 0 ? 0 : Number.NaN
    cotangent[label] = -1
    cotangent[other] = 1
    return -hinge
  }
}

/** With the confidence of robust training papers: Madry's cifar10_challenge, pgd_attack.py. */
const cw = cwLoss(50)

/** The same towards a target t: −max(max_{j≠t} z_j − z_t + κ, 0). */
export function cwTowards(kappa: number): Loss {
  return (logits, _label, cotangent, target) => {
    cotangent.fill(0)
    const other = bestOther(logits, target)
    const hinge = logits[other] - logits[target] + kappa
    if (!(hinge > 0)) return hinge <= 0 ? 0 : Number.NaN
    cotangent[target] = 1
    cotangent[other] = -1
    return -hinge
  }
}

/** Minus the cross-entropy to the target. */
const ceTowards: Loss = (logits, _label, cotangent, target) => {
  const value = ce(logits, target, cotangent, target)
  for (let c = 0; c < cotangent.length; c++) cotangent[c] = 0 - cotangent[c]
  return -value
}

/** Targeted DLR with the largest of the other logits for that of the label, which it is until another class overtakes it. */
const dlrTowards: Loss = (logits, _label, cotangent, target) =>
  dlrTargeted(logits, bestOther(logits, target), cotangent, target)

/** What is maximised to lead an image to its target, by the name of the untargeted loss. */
const towards: Readonly<Record<UntargetedLoss, Loss>> = { ce: ceTowards, dlr: dlrTowards, cw: cwTowards(50) }

/** The loss of that name, of a targeted run the one that leads to the target. */
export function lossFor(name: UntargetedLoss, targeted: boolean): Loss {
  return targeted ? towards[name] : losses[name]
}

export const losses: Readonly<Record<LossName, Loss>> = { ce, dlr, 'dlr-targeted': dlrTargeted, cw }

/** Target classes that APGD-T and FAB-T try by default, where the model has so many. */
export const mostTargets = 9

/** Classes that a loss needs. */
export const leastClasses: Readonly<Record<LossName, number>> = { ce: 2, dlr: 3, 'dlr-targeted': 4, cw: 2 }

/** @throws ConfigError where the model has too few classes for the loss */
export function checkClasses(loss: LossName, classes: number, targeted = false): void {
  const least = leastClasses[targeted && loss === 'dlr' ? 'dlr-targeted' : loss]
  if (classes >= least) return
  throw new ConfigError(
    `Expected at least ${least} classes for the ${targeted ? 'targeted ' : ''}${loss} loss but the model has ${classes}; use the ce loss.`,
    'loss',
  )
}

/** z_y − max_{j≠y} z_j: above 0 where the image is classified right; of a NaN, NaN. */
export function margin(logits: Float32Array, label: number): number {
  return logits[label] - logits[bestOther(logits, label)]
}

/** The class of the largest logit; ties go to the lower index, as in ops.argmax. A NaN counts as largest. */
export function topClass(logits: Float32Array): number {
  let top = 0
  for (let c = 0; c < logits.length; c++) {
    if (Number.isNaN(logits[c])) return c
    if (logits[c] > logits[top]) top = c
  }
  return top
}

/** Classes from the largest logit to the smallest; ties go to the lower index, a NaN comes first. */
export function descending(logits: Float32Array): number[] {
  const key = (c: number) => (Number.isNaN(logits[c]) ? Number.POSITIVE_INFINITY : logits[c])
  return Array.from(logits, (_, c) => c).sort((a, b) => key(b) - key(a) || a - b)
}

/** The class of the largest logit but that of `label`. */
export function bestOther(logits: Float32Array, label: number): number {
  let best = label === 0 ? 1 : 0
  for (let c = best + 1; c < logits.length; c++) if (c !== label && logits[c] > logits[best]) best = c
  return best
}

/** −(z_a − z_b) / (Σ weight·z + tiny), and its derivative. */
function ratio(
  logits: Float32Array,
  cotangent: Float64Array,
  [a, b]: [number, number],
  terms: readonly (readonly [number, number])[],
): number {
  let denominator = tiny
  for (const [c, weight] of terms) denominator += weight * logits[c]
  const value = -(logits[a] - logits[b]) / denominator
  cotangent.fill(0)
  cotangent[a] -= 1 / denominator
  cotangent[b] += 1 / denominator
  for (const [c, weight] of terms) cotangent[c] -= (value * weight) / denominator
  return value
}
