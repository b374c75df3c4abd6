// Small data files in the formats of the real ones.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** CIFAR records whose pixels are the record's number; `label(i)` gives the label bytes. */
export function cifarRecords(count: number, label: (i: number) => number[]): Uint8Array {
  const labelBytes = label(0).length
  const bytes = new Uint8Array(count * (labelBytes + 3072))
  for (let i = 0; i < count; i++) {
    bytes.set(label(i), i * (labelBytes + 3072))
    bytes.fill(i, i * (labelBytes + 3072) + labelBytes, (i + 1) * (labelBytes + 3072))
  }
  return bytes
}

export const cifar10Names = [1, 2, 3, 4, 5].map(i => `data_batch_${i}.bin`).concat('test_batch.bin')

export async function writeCifar10(dir: string, recordsPerFile = 4): Promise<void> {
  await mkdir(dir, { recursive: true })
  for (const [file, name] of cifar10Names.entries()) {
    await writeFile(
      join(dir, name),
      cifarRecords(recordsPerFile, i => [(file + i) % 10]),
    )
  }
}

export function idxImages(count: number, promised = count): Uint8Array {
  const bytes = Buffer.alloc(16 + count * 784)
  for (const [i, word] of [0x803, promised, 28, 28].entries()) bytes.writeUInt32BE(word, 4 * i)
  for (let i = 0; i < count; i++) bytes.fill(i % 256, 16 + i * 784, 16 + (i + 1) * 784)
  return bytes
}

export function idxLabels(count: number, promised = count): Uint8Array {
  const bytes = Buffer.alloc(8 + count)
  bytes.writeUInt32BE(0x801, 0)
  bytes.writeUInt32BE(promised, 4)
  for (let i = 0; i < count; i++) bytes[8 + i] = i % 10
  return bytes
}

/** 30 training and 20 test images; the training files gzipped when `gz`. */
export async function writeIdx(dir: string, gz = false): Promise<void> {
  await mkdir(dir, { recursive: true })
  const write = (name: string, bytes: Uint8Array) =>
    gz ? writeFile(join(dir, `${name}.gz`), gzipSync(bytes)) : writeFile(join(dir, name), bytes)
  await write('train-images-idx3-ubyte', idxImages(30))
  await write('train-labels-idx1-ubyte', idxLabels(30))
  await writeFile(join(dir, 't10k-images-idx3-ubyte'), idxImages(20))
  await writeFile(join(dir, 't10k-labels-idx1-ubyte'), idxLabels(20))
}

/** 7 training and 3 test images. */
export async function writeCifar100(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeFile(
    join(dir, 'train.bin'),
    cifarRecords(7, i => [i, 90 + i]),
  )
  await writeFile(
    join(dir, 'test.bin'),
    cifarRecords(3, i => [19, i]),
  )
}
