// Whether a peer computes what we compute.
import type { CheckedValues } from './peer-process.ts'

/**
 * Largest distance from ours relative to the length of ours, all values taken as one vector. Rounding decides where a
 * ReLU that is nearly 0 lets the gradient through, so that gradients lie further apart than logits.
 */
const tolerances = { logits: 1e-3, gradient: 2e-2 } as const

/** @throws Error saying how far apart they are */
export function checkAgreement(peer: CheckedValues, expected: CheckedValues): void {
  for (const name of ['logits', 'gradient'] as const) {
    const distance = relativeDistance(peer[name] ?? [], expected[name] ?? [])
    if (!(distance <= tolerances[name])) {
      throw new Error(
        `It was not timed, because its ${name} are not ours: their relative distance is ${distance.toPrecision(3)}, above ${tolerances[name]}.`,
      )
    }
  }
}

/** ‖a − b‖ / ‖b‖; infinite where they differ in number, 0 for none. */
export function relativeDistance(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  if (b.length === 0) return 0
  let [difference, norm] = [0, 0]
  for (const [i, value] of b.entries()) {
    difference += (a[i]! - value) ** 2
    norm += value ** 2
  }
  return Math.sqrt(difference / norm)
}
