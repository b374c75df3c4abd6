// Elements as users have them, and as the core takes and gives them.
import { ConfigError, OutOfMemoryError, ShapeError } from '../errors.ts'
import { numbers, required } from '../inputs/kinds.ts'
import { checkOption, describeValue } from '../inputs/options.ts'
import type { DType } from '../native/addon.ts'

/** The array that holds elements of a type: Float32Array of 'f32', Int32Array of 'i32', Uint8Array of 'u8'. */
export type TypedArrayOf<D extends DType> = D extends 'f32'
  ? Float32Array<ArrayBuffer>
  : D extends 'i32'
    ? Int32Array<ArrayBuffer>
    : Uint8Array<ArrayBuffer>

/** What becomes a tensor's elements: numbers that the type can hold, in any of these arrays. */
export type Elements<D extends DType> =
  | TypedArrayOf<D>
  | Float32Array
  | Int32Array
  | Uint8Array
  | readonly number[]

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const

/** One typed array over all bytes. @throws OutOfMemoryError where JavaScript has none so long */
export function elementsOver<D extends DType>(bytes: ArrayBuffer, dtype: D): TypedArrayOf<D> {
  try {
    return new arrays[dtype](bytes) as TypedArrayOf<D>
  } catch (cause) {
    throw new OutOfMemoryError(
      `A tensor of ${bytes.byteLength} bytes is longer than a typed array of JavaScript can be; read it in parts.`,
      { cause },
    )
  }
}

const shapeRow = required(numbers)

/**
 * Elements that fill the shape.
 * @throws ShapeError, ConfigError
 */
export function checkElements(elements: unknown, shape: readonly number[]): ArrayLike<number> {
  const tag = tagOf(elements)
  if (!/^(?:Array|(?:Float|Int|Uint)\d+(?:Clamped)?Array)$/.test(tag)) {
    throw new ConfigError(
      `Expected an array of numbers for elements but received ${describeValue(elements)}.`,
      'elements',
    )
  }
  const given = elements as ArrayLike<number>
  checkOption('shape', shape, shapeRow)
  const size = shape.reduce((product, d) => product * d, 1)
  if (size !== given.length) {
    throw new ShapeError(
      `Expected ${size} elements for the shape [${shape.join(', ')}] but received ${given.length}.`,
    )
  }
  return given
}

/**
 * The bytes of elements `from` up to, not including, `to`, in the dtype: the elements' own memory where they have that
 * type.
 * @throws ConfigError, OutOfMemoryError
 */
export function bytesOf(
  elements: ArrayLike<number>,
  dtype: DType,
  from = 0,
  to = elements.length,
): Uint8Array {
  const part = partOf(elements, from, to)
  const typed =
    tagOf(elements) === arrays[dtype].name ? (part as TypedArrayOf<DType>) : converted(part, dtype, from)
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)
}

function partOf(elements: ArrayLike<number>, from: number, to: number): ArrayLike<number> {
  if (from === 0 && to === elements.length) return elements
  return Array.isArray(elements)
    ? elements.slice(from, to)
    : (elements as TypedArrayOf<DType>).subarray(from, to)
}

/** By tag and not by instanceof: arrays may come from another realm, such as a test runner's. */
function tagOf(elements: unknown): string {
  if (ArrayBuffer.isView(elements))
    return (elements as { [Symbol.toStringTag]?: string })[Symbol.toStringTag]!
  return Array.isArray(elements) ? 'Array' : 'none'
}

/** @param first the index of the first element, for errors */
function converted(elements: ArrayLike<number>, dtype: DType, first: number): TypedArrayOf<DType> {
  let made: TypedArrayOf<DType>
  try {
    made = new arrays[dtype](elements)
  } catch (cause) {
    const reason = (cause as Error).message
    if (/allocation|length|memory/i.test(reason)) {
      throw new OutOfMemoryError(
        `JavaScript has no memory for ${elements.length} elements of ${dtype} (${reason}).`,
        { cause },
      )
    }
    throw new ConfigError(
      `Expected numbers for elements but received other values (${reason}).`,
      'elements',
      {
        cause,
      },
    )
  }
  const lost = firstLost(elements, made, dtype)
  if (lost < 0) return made
  throw new ConfigError(
    `Expected numbers that ${dtype} can hold for elements but received ${describeValue(elements[lost])} at ${first + lost}.`,
    'elements',
  )
}

/** Index of the first element that is no number, or that an integer dtype does not hold as it is; −1 where none is. */
function firstLost(elements: ArrayLike<number>, made: TypedArrayOf<DType>, dtype: DType): number {
  if (dtype === 'f32' && !Array.isArray(elements)) return -1
  for (let i = 0; i < made.length; i++) {
    if (dtype === 'f32' ? typeof elements[i] !== 'number' : elements[i] !== made[i]) return i
  }
  return -1
}
