// The binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html):
// records of one label byte (CIFAR-100: coarse, then fine) and 3·32·32 pixels, planes red, green, blue.
import { DatasetError } from '../errors.ts'
import { contentOf, type DataFile, foreignContentOf, openDataFile } from './data-file.ts'
import type { Split } from './dataset.ts'

const pixelsPerImage = 3 * 32 * 32

/** How the records of one version look. */
export interface CifarFormat {
  /** Bytes before the pixels. */
  labelBytes: number
  /** Which of them is the class. */
  labelByte: number
  classes: number
  /** Records of each official file by its name. */
  files: Readonly<Record<string, number>>
}

export const cifar10Format: CifarFormat = {
  labelBytes: 1,
  labelByte: 0,
  classes: 10,
  files: {
    'data_batch_1.bin': 10_000,
    'data_batch_2.bin': 10_000,
    'data_batch_3.bin': 10_000,
    'data_batch_4.bin': 10_000,
    'data_batch_5.bin': 10_000,
    'test_batch.bin': 10_000,
  },
}

/** The fine labels are the classes. */
export const cifar100Format: CifarFormat = {
  labelBytes: 2,
  labelByte: 1,
  classes: 100,
  files: { 'train.bin': 50_000, 'test.bin': 10_000 },
}

export interface CifarPart {
  readonly path: string
  /** Records of the official file. */
  readonly most: number
}

/**
 * Reads the files of both splits, plain or gzipped, one after the other, and counts each one's images. A split may be a
 * part of the official one; but of its files all have their official number of records, or none has.
 * @throws DatasetError for a file that cannot be read, is cut short, too long, or has a label out of range
 */
export async function readCifar(
  parts: { train: readonly CifarPart[]; test: readonly CifarPart[] },
  format: CifarFormat,
): Promise<{ train: Split; test: Split; counts: number[] }> {
  const train = await readSplit(parts.train, format)
  const test = await readSplit(parts.test, format)
  return { train: train.split, test: test.split, counts: [...train.counts, ...test.counts] }
}

/** @returns the images, and how many each file had */
async function readSplit(
  parts: readonly CifarPart[],
  format: CifarFormat,
): Promise<{ split: Split; counts: number[] }> {
  const files: (DataFile & CifarPart)[] = []
  try {
    for (const part of parts) files.push({ ...(await openDataFile(part.path)), most: part.most })
    for (const file of files) if (!file.gzipped) await checkBytes(file, file.bytes, format)
    const recordBytes = format.labelBytes + pixelsPerImage
    const room = files.reduce(
      (sum, { gzipped, bytes, most }) => sum + (gzipped ? most : bytes / recordBytes),
      0,
    )
    const split = { images: new Uint8Array(room * pixelsPerImage), labels: new Int32Array(room), size: 0 }
    const counts: number[] = []
    for (const file of files) counts.push(await readRecords(file, format, split))
    checkCounts(files, counts, format)
    const { images, labels, size } = split
    if (size === room) return { split, counts }
    return {
      split: { images: images.slice(0, size * pixelsPerImage), labels: labels.slice(0, size), size },
      counts,
    }
  } finally {
    for (const { handle } of files) await handle.close()
  }
}

/** @throws DatasetError for what is no whole number of records, or more than the official file has */
async function checkBytes(file: DataFile & CifarPart, bytes: number, format: CifarFormat): Promise<void> {
  const { path, most } = file
  const recordBytes = format.labelBytes + pixelsPerImage
  const records = Math.floor(bytes / recordBytes)
  const isLong = records > most || (records === most && bytes % recordBytes !== 0)
  if (!isLong && records > 0 && bytes % recordBytes === 0) return
  const offset = isLong ? most * recordBytes : bytes
  const foreign = file.gzipped ? undefined : await foreignContentOf(file)
  if (foreign !== undefined) throw new DatasetError(`${path} is ${foreign}.`, { file: path, offset: 0 })
  throw new DatasetError(
    isLong
      ? `${path} is too long: expected at most ${most} records of ${recordBytes} bytes (${most * recordBytes} bytes) but it has ${file.gzipped ? 'more' : `${bytes} bytes`}; fetch it again.`
      : `${path} is cut short: it has ${bytes} bytes, which is ${records} records of ${recordBytes} bytes and a part of one; fetch it again.`,
    { file: path, offset },
  )
}

/** Appends the records of one file to `split`. @returns how many */
async function readRecords(
  file: DataFile & CifarPart,
  format: CifarFormat,
  split: { images: Uint8Array; labels: Int32Array; size: number },
): Promise<number> {
  const { path, bytes, gzipped, most } = file
  const recordBytes = format.labelBytes + pixelsPerImage
  const end = gzipped ? most * recordBytes : bytes
  const record = new Uint8Array(recordBytes)
  const first = split.size
  let offset = 0
  for await (const piece of contentOf(file)) {
    if (offset + piece.length > end) await checkBytes(file, offset + piece.length, format)
    for (let at = 0; at < piece.length; ) {
      const filled = offset % recordBytes
      const count = Math.min(recordBytes - filled, piece.length - at)
      record.set(piece.subarray(at, at + count), filled)
      at += count
      offset += count
      if (filled + count < recordBytes) continue
      const label = record[format.labelByte]
      if (label >= format.classes) await refuseLabel(file, label, split.size - first, format)
      split.labels[split.size] = label
      split.images.set(record.subarray(format.labelBytes), split.size * pixelsPerImage)
      split.size++
    }
  }
  if (!gzipped && offset < end) {
    throw new DatasetError(`${path} became shorter while it was read.`, { file: path, offset })
  }
  await checkBytes(file, offset, format)
  return split.size - first
}

async function refuseLabel(
  file: DataFile,
  label: number,
  record: number,
  format: CifarFormat,
): Promise<void> {
  const { path } = file
  const offset = record * (format.labelBytes + pixelsPerImage) + format.labelByte
  const foreign = record === 0 && !file.gzipped ? await foreignContentOf(file) : undefined
  throw new DatasetError(
    foreign === undefined
      ? `${path} has label ${label} at byte ${offset} (record ${record}): expected 0 to ${format.classes - 1}; fetch the file again.`
      : `${path} is ${foreign}.`,
    { file: path, offset },
  )
}

/** @throws DatasetError for a file with fewer records than its official number where another has all of them */
function checkCounts(parts: readonly CifarPart[], counts: readonly number[], format: CifarFormat): void {
  const short = counts.findIndex((count, i) => count < parts[i].most)
  if (short < 0 || !counts.some((count, i) => count === parts[i].most)) return
  const { path, most } = parts[short]
  throw new DatasetError(
    `${path} is cut short: it has ${counts[short]} records of the ${most} that it should have; fetch it again.`,
    { file: path, offset: counts[short] * (format.labelBytes + pixelsPerImage) },
  )
}
