// @ts-check
// A folder with tickets of a small network, images, and what each ticket answers to each of them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Device, datasets, loadTicket, randomTicket } from 'rst-native'
import sharp from 'sharp'

export const shape = /** @type {const} */ ([3, 16, 16])
const size = 3 * 16 * 16
const classes = 10

/** @param {number} count @param {number} seed @returns {Uint8Array} [count, 3, 16, 16] */
export const noise = (count, seed) =>
  Uint8Array.from({ length: count * size }, (_, i) => Math.imul(i + seed * 7919, 2654435761) >>> 24)

/** @param {number} seed */
const split = seed => ({ images: noise(64, seed), labels: Array.from({ length: 64 }, (_, i) => i % classes) })

export class Fixture {
  /** @param {string} folder @param {string[]} files */
  constructor(folder, files) {
    this.folder = folder
    this.files = files
  }

  /** @param {number} [weightSeed] of the random network, which all tickets share */
  static async make(weightSeed = 1) {
    const folder = await mkdtemp(join(tmpdir(), 'rst-serve-'))
    const fixture = new Fixture(folder, [])
    for (const ratio of [0.05, 0.1, 0.2]) {
      const file = join(folder, `rst-${100 * ratio}.safetensors`)
      await writeTicket(file, ratio, weightSeed)
      fixture.files.push(file)
    }
    return fixture
  }

  remove() {
    return rm(this.folder, { recursive: true })
  }
}

/** @param {string} file @param {number} remainingRatio @param {number} weightSeed */
export async function writeTicket(file, remainingRatio, weightSeed) {
  const device = new Device({ threads: 1 })
  const data = datasets.fromArrays({
    name: 'noise',
    classes,
    shape: [...shape],
    train: split(1),
    test: split(2),
  })
  const ticket = await randomTicket({
    ...{ arch: 'resnet18-cifar', width: 0.5, data, remainingRatio, weightSeed, device },
    ...{ inner: null, epochs: 1, batchSize: 32, augment: false, selectOn: 'last' },
  })
  await ticket.save(file)
  device.dispose()
}

/** Of [16, 16, 3] as files have them. @param {Uint8Array} image [3, 16, 16] */
export function png(image) {
  const interleaved = Uint8Array.from({ length: size }, (_, i) => image[(i % 3) * 256 + Math.floor(i / 3)])
  return sharp(interleaved, { raw: { width: 16, height: 16, channels: 3 } })
    .png()
    .toBuffer()
}

/**
 * What every ticket answers to every image.
 * @param {readonly string[]} files
 * @param {readonly Uint8Array[]} images
 */
export async function answersOf(files, images) {
  const device = new Device({ threads: 1 })
  const answers = []
  for (const file of files) {
    const ticket = await loadTicket(file, { device })
    const of = []
    for (const image of images) {
      const { label, probabilities } = await ticket.predict(Float32Array.from(image, byte => byte / 255))
      of.push({ label, probabilities: [...probabilities] })
    }
    answers.push(of)
  }
  device.dispose()
  return answers
}
