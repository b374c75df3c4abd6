// The shortest way to a hyperplane that stays inside the pixel box: Croce & Hein, "Minimally distorted Adversarial
// Examples with a Fast Adaptive Boundary Attack" (ICML 2020), the projections onto a hyperplane with box constraints.
import type { ThreatModel } from './threat-model.ts'

/**
 * Writes to `step` [n] the shortest d, in the threat model's norm, with normal·d = −value and point + d in its box:
 * the way from a point where an affine function has this value to where it is zero. Where that cannot be reached inside
 * the box, d leads to the point of the box that comes nearest. A coordinate without influence (normal 0) stays.
 *
 * Each coordinate moves the way that brings the value nearer to zero, by min(scale · rate, room to the edge of the box)
 * with rate 1 for L∞ and |normal| for L2. What all of them change is a concave, increasing, piecewise linear function of
 * the scale, so Newton's method from 0 ends at the exact scale: each of its steps takes the coordinates that have
 * reached their edge out and solves for the rest.
 * @param point [n], in the box
 * @param normal [n]
 */
export function stepToHyperplane(
  point: Float32Array,
  normal: Float32Array,
  value: number,
  { norm, low, high }: ThreatModel,
  step: Float64Array,
): void {
  const wanted = Math.abs(value)
  const side = value > 0 ? -1 : 1
  let scale = 0
  let stuck = -1
  for (;;) {
    let stuckNow = 0
    let changedByStuck = 0
    let slope = 0
    for (let i = 0; i < point.length; i++) {
      const w = Math.abs(normal[i])
      const rate = norm === 'linf' ? 1 : w
      const room = side * normal[i] > 0 ? high - point[i] : point[i] - low
      if (scale * rate >= room) {
        stuckNow++
        changedByStuck += w * room
      } else {
        slope += w * rate
      }
    }
    // `<` only by rounding, or for a value or normal that is not a number.
    if (stuckNow <= stuck || slope === 0) break
    stuck = stuckNow
    scale = (wanted - changedByStuck) / slope
  }
  for (let i = 0; i < point.length; i++) {
    const direction = side * Math.sign(normal[i])
    const room = direction > 0 ? high - point[i] : point[i] - low
    const rate = norm === 'linf' ? 1 : Math.abs(normal[i])
    step[i] = direction * Math.min(scale * rate, room)
  }
}
