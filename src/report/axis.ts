// Where a value lies on an axis, and which values are labelled.

export interface Axis {
  /** Position of a value in pixels. */
  at(value: number): number
  ticks: readonly { value: number; label: string }[]
}

export interface AxisOptions {
  values: readonly number[]
  /** Positions of the lowest and highest value, in pixels. */
  from: number
  to: number
}

/** From 0, with at most six round steps. */
export function linearAxis({ values, from, to }: AxisOptions): Axis {
  const top = Math.max(...values, Number.MIN_VALUE)
  const power = 10 ** Math.floor(Math.log10(top / 5))
  const step = [1, 2, 5, 10].map(factor => factor * power).find(candidate => top / candidate <= 6)!
  const count = Math.ceil(top / step)
  return {
    at: value => from + ((to - from) * value) / (count * step),
    ticks: Array.from({ length: count + 1 }, (_, i) => tick(i * step)),
  }
}

/** From a round value below the lowest to one above the highest: 1, 2 and 5 times powers of ten. */
export function logAxis({ values, from, to }: AxisOptions): Axis {
  const exponents = Array.from({ length: 31 }, (_, i) => i - 15)
  const round = exponents.flatMap(exponent => [1, 2, 5].map(factor => Number(`${factor}e${exponent}`)))
  const first = round.findLastIndex(value => value <= Math.min(...values))
  const last = round.findIndex(value => value >= Math.max(...values))
  const [low, high] = [round[first]!, round[last === first ? last + 1 : last]!]
  const shown = round.filter(value => value >= low && value <= high)
  const decades = shown.filter(value => /^1/.test(value.toExponential()))
  return {
    at: value => from + ((to - from) * Math.log(value / low)) / Math.log(high / low),
    ticks: (shown.length > 10 && decades.length > 1 ? decades : shown).map(tick),
  }
}

const tick = (value: number) => ({ value, label: String(Number(value.toPrecision(6))) })
