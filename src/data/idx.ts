// The IDX files of MNIST and Fashion-MNIST, plain or gzipped (https://yann.lecun.com/exdb/mnist):
// a big-endian magic number and sizes, then one byte a pixel or a label.
import { DatasetError } from '../errors.ts'
import { contentOf, type DataFile, openDataFile } from './data-file.ts'
import type { Split } from './dataset.ts'
import { foreignContent } from './foreign-content.ts'

const imageMagic = 0x00000803
const labelMagic = 0x00000801
const side = 28
const maxImages = 1_000_000
/** Bytes that one byte of a gzip file can unpack to. */
const mostPacked = 1032

/**
 * Reads a file of images and one of labels, each plain or gzipped, of 28×28 pixels and 10 classes.
 * @throws DatasetError for a file that cannot be read, has a wrong magic number or size, or a label out of range,
 *   and for counts that differ. Offsets count the unpacked bytes.
 */
export async function readIdx(imagesPath: string, labelsPath: string): Promise<Split> {
  const { data: images, count: size } = await readArray(imagesPath, imageMagic, [side, side])
  const { data: labels, count: labelCount } = await readArray(labelsPath, labelMagic, [])
  if (labelCount !== size) {
    throw new DatasetError(
      `${labelsPath} has ${labelCount} labels but ${imagesPath} has ${size} images: the files do not belong together.`,
      { file: labelsPath, offset: 4 },
    )
  }
  const wrong = labels.findIndex(label => label > 9)
  if (wrong >= 0) {
    throw new DatasetError(
      `${labelsPath} has label ${labels[wrong]} at byte ${8 + wrong}: expected 0 to 9; fetch the file again.`,
      { file: labelsPath, offset: 8 + wrong },
    )
  }
  return { images, labels: Int32Array.from(labels), size }
}

/** Streams one file: a header of `4 + 4 · (1 + sizes)` bytes, then count · product(sizes) bytes. */
async function readArray(
  path: string,
  magic: number,
  sizes: readonly number[],
): Promise<{ data: Uint8Array; count: number }> {
  const header = Buffer.alloc(8 + 4 * sizes.length)
  let data: Uint8Array | undefined
  let offset = 0
  const fail = (message: string, at: number) =>
    new DatasetError(`${path} ${message}`, { file: path, offset: at })
  const file = await openDataFile(path)
  try {
    for await (const chunk of contentOf(file)) {
      let rest = chunk
      if (offset < header.length) {
        const copied = rest.copy(header, offset)
        offset += copied
        rest = rest.subarray(copied)
        if (offset === header.length) data = allocate(header, magic, sizes, fail, chunk, file)
      }
      if (data === undefined || rest.length === 0) continue
      if (offset - header.length + rest.length > data.length) {
        const end = header.length + data.length
        throw fail(`is too long: its header promises ${end} bytes but there are more; fetch it again.`, end)
      }
      data.set(rest, offset - header.length)
      offset += rest.length
    }
  } finally {
    await file.handle.close()
  }
  if (data === undefined)
    throw fail(
      `is cut short: expected a header of ${header.length} bytes but it has ${offset}; fetch it again.`,
      offset,
    )
  const end = header.length + data.length
  if (offset < end)
    throw fail(`is cut short: its header promises ${end} bytes but it has ${offset}; fetch it again.`, offset)
  return { data, count: header.readUInt32BE(4) }
}

function allocate(
  header: Buffer,
  magic: number,
  sizes: readonly number[],
  fail: (message: string, at: number) => DatasetError,
  beginning: Uint8Array,
  { bytes, gzipped }: DataFile,
): Uint8Array {
  const found = header.readUInt32BE(0)
  if (found !== magic) {
    const foreign = foreignContent(beginning)
    if (foreign !== undefined) throw fail(`is ${foreign}.`, 0)
    const kind = magic === imageMagic ? 'images' : 'labels'
    throw fail(`starts with ${hex(found)}: expected ${hex(magic)}, the magic number of IDX ${kind}.`, 0)
  }
  const count = header.readUInt32BE(4)
  if (count < 1 || count > maxImages) throw fail(`promises ${count} entries: expected 1 to ${maxImages}.`, 4)
  sizes.forEach((size, i) => {
    const came = header.readUInt32BE(8 + 4 * i)
    if (came !== size) throw fail(`has images with a side of ${came} pixels: expected ${size}.`, 8 + 4 * i)
  })
  const length = sizes.reduce((product, size) => product * size, count)
  const most = gzipped ? bytes * mostPacked : bytes
  const end = header.length + length
  if (most < end)
    throw fail(`is cut short: its header promises ${end} bytes but it has ${bytes}; fetch it again.`, bytes)
  return new Uint8Array(length)
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, '0')}`
}
