// A handle on native memory with a logical shape.
import { ConfigError, DeviceError, ShapeError } from '../errors.ts'
import { kind, oneOf } from '../inputs/kinds.ts'
import { checkOptions, type OptionRows } from '../inputs/options.ts'
import { addon, type DType, type NativeTensor, type TensorHandle } from '../native/addon.ts'
import { Device, deviceKind } from './device.ts'
import { bytesOf, checkElements, type Elements, elementsOver, type TypedArrayOf } from './elements.ts'
import { recorder } from './recorder.ts'
import { register } from './scope.ts'

export type { DType, TypedArrayOf }

/**
 * An immutable array of rank 0 to 4 on a device (only the parameters of an optimiser change in place). `tensor`,
 * `upload` and ops make them. Activations are [N, C, H, W]; how the device lays them out is its own affair.
 * @example
 * import { ops, tensor } from 'rst-native'
 * const x = tensor([1, 2, 3, 4], [2, 2])
 * console.log(x.shape, x.dtype, x.size) // → [2, 2] f32 4
 * console.log(await ops.scale(x, 2).data()) // → [2, 4, 6, 8]
 * x.dispose() // or declare it with `using`
 * console.log(x.disposed) // → true
 */
export class Tensor<D extends DType = 'f32'> {
  /** Sizes of its dimensions, outermost first; [] of a scalar. */
  readonly shape: readonly number[]
  /** Type of its elements. */
  readonly dtype: D
  /** Where it lies. */
  readonly device: Device
  #handle: TensorHandle | null

  /** @internal Use `tensor` or an op. */
  constructor(device: Device, native: NativeTensor) {
    if (!Device.is(device) || !isNativeTensor(native)) {
      throw new ConfigError('Tensors are made by tensor(), upload() and ops, not by new Tensor().', 'device')
    }
    this.device = device
    this.shape = native.shape
    this.dtype = native.dtype as D
    this.#handle = native.handle
    recorder()?.makes(this)
    register(this as unknown as Tensor)
  }

  /** @internal Another tensor of its device and type. */
  sibling(native: NativeTensor): Tensor<D> {
    return new Tensor(this.device, native)
  }

  /** @internal Whether the value is a tensor of this package. */
  static is(value: unknown): value is Tensor<DType> {
    return typeof value === 'object' && value !== null && #handle in value
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, d) => product * d, 1)
  }

  /** Whether it, or its device, was disposed. */
  get disposed(): boolean {
    return this.#handle === null || this.device.disposed
  }

  /** @internal @throws ShapeError once disposed, DeviceError once its device is. */
  get handle(): TensorHandle {
    if (this.device.disposed) {
      throw new DeviceError(
        `Expected a tensor of a live device but the device of this one, of shape [${this.shape.join(', ')}], was disposed.`,
      )
    }
    if (this.#handle === null) {
      throw new ShapeError(
        `Expected a live tensor but received one of shape [${this.shape.join(', ')}] that was disposed; return it from scope() or grad() to keep it.`,
      )
    }
    return this.#handle
  }

  /**
   * The elements in row-major (NCHW) order, once every op before it has run.
   * @throws the error of the op that failed on the way to it; OutOfMemoryError where JavaScript cannot hold so many
   */
  async data(): Promise<TypedArrayOf<D>> {
    const { handle } = this
    const buffer = await addon().read(this.device.handle, handle)
    return elementsOver(buffer, this.dtype)
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

/** A getter of that name would be another object's. */
const isNativeTensor = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.hasOwn(value, 'handle') &&
  typeof (value as NativeTensor).handle === 'object' &&
  Array.isArray((value as NativeTensor).shape)

/** Type and place of a new tensor. */
export interface TensorOptions<D extends DType> {
  /** Type of the elements. Default 'f32'. */
  dtype?: D
  /** Where it will lie. Default `Device.default`. */
  device?: Device
}

export const tensorRows: OptionRows<TensorOptions<DType>> = {
  dtype: oneOf(['f32', 'i32', 'u8']),
  device: deviceKind,
}

export const tensorKind = kind('a tensor', value => Tensor.is(value))

/**
 * A tensor of the given elements. They are copied at once, in about a millisecond for each megabyte: for more see
 * `upload`, which does not hold up the event loop.
 * @param elements row-major, numbers that the type can hold
 * @param shape of rank 0 to 4. Default: one dimension
 * @param options type of the elements and device
 * @throws ShapeError when the elements do not fill the shape, ConfigError, OutOfMemoryError
 * @example
 * import { tensor } from 'rst-native'
 * const images = tensor(new Float32Array(2 * 3 * 32 * 32), [2, 3, 32, 32])
 * const labels = tensor([3, 7], [2], { dtype: 'i32' })
 * console.log(images.shape, await labels.data()) // → [2, 3, 32, 32] [3, 7]
 */
export function tensor<D extends DType = 'f32'>(
  elements: Elements<D>,
  shape: readonly number[] = [elements?.length],
  options: TensorOptions<D> = {},
): Tensor<D> {
  checkOptions('tensor', options, tensorRows)
  const { dtype = 'f32' as D, device = Device.default } = options
  const bytes = bytesOf(checkElements(elements, shape), dtype)
  return new Tensor<D>(device, addon().upload(device.handle, shape, dtype, bytes))
}
