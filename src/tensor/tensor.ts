// A handle on native memory with a logical shape.
import { ShapeError } from '../errors.ts'
import { addon, type DType, type NativeTensor, type TensorHandle } from '../native/addon.ts'
import { Device } from './device.ts'
import { register } from './scope.ts'

export type { DType }

export type TypedArrayOf<D extends DType> = D extends 'f32'
  ? Float32Array<ArrayBuffer>
  : D extends 'i32'
    ? Int32Array<ArrayBuffer>
    : Uint8Array<ArrayBuffer>

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const

/**
 * An immutable array of rank 0 to 4 on a device (only the parameters of an optimiser change in place).
 * Activations are [N, C, H, W]; how the device lays them out is its own affair.
 */
export class Tensor<D extends DType = 'f32'> {
  readonly shape: readonly number[]
  readonly dtype: D
  readonly device: Device
  #handle: TensorHandle | null

  /** @internal Use `tensor` or an op. */
  constructor(device: Device, native: NativeTensor) {
    this.device = device
    this.shape = native.shape
    this.dtype = native.dtype as D
    this.#handle = native.handle
    register(this as unknown as Tensor)
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, d) => product * d, 1)
  }

  get disposed(): boolean {
    return this.#handle === null
  }

  /** @internal @throws ShapeError once disposed. */
  get handle(): TensorHandle {
    if (this.#handle === null) {
      throw new ShapeError(
        `Expected a live tensor but received one of shape [${this.shape.join(', ')}] that was disposed; return it from scope() or grad() to keep it.`,
      )
    }
    return this.#handle
  }

  /** The elements in row-major (NCHW) order, once every op before it has run. */
  async data(): Promise<TypedArrayOf<D>> {
    const buffer = await addon().read(this.device.handle, this.handle)
    return new arrays[this.dtype](buffer) as TypedArrayOf<D>
  }

  /** Gives the memory back as soon as the ops that use it have run. Disposing twice is allowed. */
  dispose(): void {
    if (this.#handle === null) return
    addon().release(this.#handle)
    this.#handle = null
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

type Elements<D extends DType> = TypedArrayOf<D> | Float32Array | Int32Array | Uint8Array | readonly number[]

/**
 * A tensor of the given elements, row-major; the shape defaults to one dimension.
 * @throws ShapeError when the elements do not fill the shape.
 */
export function tensor<D extends DType = 'f32'>(
  elements: Elements<D>,
  shape: readonly number[] = [elements.length],
  { dtype = 'f32' as D, device = Device.default }: { dtype?: D; device?: Device } = {},
): Tensor<D> {
  const size = shape.reduce((product, d) => product * d, 1)
  if (size !== elements.length) {
    throw new ShapeError(
      `Expected ${size} elements for the shape [${shape.join(', ')}] but received ${elements.length}.`,
    )
  }
  const ArrayType = arrays[dtype]
  const typed = elements instanceof ArrayType ? elements : ArrayType.from(elements as ArrayLike<number>)
  const bytes = new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)
  return new Tensor<D>(device, addon().upload(device.handle, shape, dtype, bytes))
}
