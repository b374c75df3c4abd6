// The binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html):
// records of one label byte (CIFAR-100: coarse, then fine) and 3·32·32 pixels, planes red, green, blue.
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { DatasetError } from '../errors.ts'
import type { Split } from './dataset.ts'
import { readError } from './read-error.ts'

const pixelsPerImage = 3 * 32 * 32
const recordsPerRead = 500

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

/**
 * Reads `names` from `dir`, one after the other, into one split. A file may hold fewer records than the
 * official one, never a part of a record.
 * @throws DatasetError for a file that is missing, cut short, too long, or has a label out of range
 */
export async function readCifar(dir: string, names: readonly string[], format: CifarFormat): Promise<Split> {
  const files: { path: string; handle: FileHandle; records: number }[] = []
  try {
    for (const name of names) {
      const path = join(dir, name)
      const handle = await open(path).catch(error => {
        throw readError(error, path)
      })
      const file = { path, handle, records: 0 }
      files.push(file)
      file.records = countRecords((await handle.stat()).size, path, format, format.files[name])
    }
    const size = files.reduce((sum, file) => sum + file.records, 0)
    const split = { images: new Uint8Array(size * pixelsPerImage), labels: new Int32Array(size), size }
    let first = 0
    for (const { path, handle, records } of files) {
      await readRecords(handle, path, records, format, split, first).catch(error => {
        throw readError(error, path)
      })
      first += records
    }
    return split
  } finally {
    for (const { handle } of files) await handle.close()
  }
}

function countRecords(bytes: number, path: string, format: CifarFormat, official: number): number {
  const recordBytes = format.labelBytes + pixelsPerImage
  const records = Math.floor(bytes / recordBytes)
  if (records > official || (records === official && bytes % recordBytes !== 0)) {
    throw new DatasetError(
      `${path} is too long: expected at most ${official} records of ${recordBytes} bytes (${official * recordBytes} bytes) but it has ${bytes} bytes; fetch it again.`,
      { file: path, offset: official * recordBytes },
    )
  }
  if (records === 0 || bytes % recordBytes !== 0) {
    throw new DatasetError(
      `${path} is cut short: it has ${bytes} bytes, which is ${records} records of ${recordBytes} bytes and a part of one; fetch it again.`,
      { file: path, offset: bytes },
    )
  }
  return records
}

async function readRecords(
  handle: FileHandle,
  path: string,
  records: number,
  format: CifarFormat,
  split: Split,
  first: number,
): Promise<void> {
  const recordBytes = format.labelBytes + pixelsPerImage
  const buffer = new Uint8Array(recordsPerRead * recordBytes)
  for (let start = 0; start < records; start += recordsPerRead) {
    const count = Math.min(recordsPerRead, records - start)
    const wanted = count * recordBytes
    for (let done = 0; done < wanted; ) {
      const { bytesRead } = await handle.read(buffer, done, wanted - done, start * recordBytes + done)
      if (bytesRead === 0) {
        const offset = start * recordBytes + done
        throw new DatasetError(`${path} became shorter while it was read.`, { file: path, offset })
      }
      done += bytesRead
    }
    for (let i = 0; i < count; i++) {
      const at = i * recordBytes
      const label = buffer[at + format.labelByte]
      if (label >= format.classes) {
        const offset = (start + i) * recordBytes + format.labelByte
        throw new DatasetError(
          `${path} has label ${label} at byte ${offset} (record ${start + i}): expected 0 to ${format.classes - 1}; fetch the file again.`,
          { file: path, offset },
        )
      }
      const image = first + start + i
      split.labels[image] = label
      split.images.set(buffer.subarray(at + format.labelBytes, at + recordBytes), image * pixelsPerImage)
    }
  }
}
