// From any point back into the threat model, in host memory.
import type { ThreatModel } from './threat-model.ts'

/** Moves a point into the ball about the original and the box; one inside both stays. */
export function project(
  point: Float32Array | Float64Array,
  original: Float32Array,
  threat: ThreatModel,
): void {
  if (threat.norm === 'l2') projectL2(point, original, threat)
  else projectLinf(point, original, threat)
}

function projectLinf(
  point: Float32Array | Float64Array,
  original: Float32Array,
  { eps, low, high }: ThreatModel,
): void {
  for (let j = 0; j < point.length; j++) {
    const inBall = Math.min(original[j] + eps, Math.max(original[j] - eps, point[j]))
    point[j] = Math.min(high, Math.max(low, inBall))
  }
}

/** Along the radius into the ball, then into the box: not the nearest point of both, but one inside both. */
export function projectL2(
  point: Float32Array | Float64Array,
  original: Float32Array,
  { eps, low, high }: ThreatModel,
): void {
  let squares = 0
  for (let j = 0; j < point.length; j++) squares += (point[j] - original[j]) ** 2
  const scale = squares > eps * eps ? eps / Math.sqrt(squares) : 1
  for (let j = 0; j < point.length; j++) {
    const scaled = original[j] + scale * (point[j] - original[j])
    point[j] = Math.min(high, Math.max(low, scaled))
  }
}
