// Brings much data to a device without holding up the event loop.
import { setImmediate } from 'node:timers/promises'
import { checkOptions } from '../inputs/options.ts'
import { addon, type DType } from '../native/addon.ts'
import { Device } from './device.ts'
import { bytesOf, checkElements, type Elements } from './elements.ts'
import { Tensor, type TensorOptions, tensorRows } from './tensor.ts'

/** Converted and copied in one go: a millisecond or two, memory that the system still has to clear included. */
const sliceElements = 2 ** 18

/**
 * As `tensor`, but converts and copies the elements in slices and lets the event loop run between them.
 * @param elements row-major; they must not change until the promise resolves
 * @param shape of rank 0 to 4. Default: one dimension
 * @param options type of the elements and device
 * @throws ShapeError when the elements do not fill the shape, ConfigError, OutOfMemoryError
 * @example
 * import { upload } from 'rst-native'
 * const pixels = new Uint8Array(1000 * 3 * 32 * 32)
 * using images = await upload(pixels, [1000, 3, 32, 32], { dtype: 'u8' })
 * console.log(images.shape) // → [1000, 3, 32, 32]
 */
export async function upload<D extends DType = 'f32'>(
  elements: Elements<D>,
  shape: readonly number[] = [elements?.length],
  options: TensorOptions<D> = {},
): Promise<Tensor<D>> {
  checkOptions('upload', options, tensorRows)
  const { dtype = 'f32' as D, device = Device.default } = options
  const given = checkElements(elements, shape)
  const staging = addon().stage(shape, dtype)
  for (let from = 0; from < given.length; from += sliceElements) {
    if (from > 0) await setImmediate()
    const to = Math.min(given.length, from + sliceElements)
    addon().append(staging, bytesOf(given, dtype, from, to))
  }
  return new Tensor<D>(device, addon().uploadStaged(device.handle, staging))
}
