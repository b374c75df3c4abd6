// A small data set that a small network learns: each class is a bright stripe at its own place, under noise.
import type { Dataset, Split } from '../../src/data/dataset.ts'
import { RandomStream } from '../../src/random/philox.ts'

export interface StripeOptions {
  classes?: number
  channels?: number
  /** Height and width in pixels, at least `classes`. */
  size?: number
  train?: number
  test?: number
}

export function stripes({
  classes = 4,
  channels = 1,
  size = 8,
  train = 96,
  test = 64,
}: StripeOptions = {}): Dataset {
  const split = (count: number, seed: number): Split => {
    const noise = new RandomStream(seed, 5)
    const labels = Int32Array.from({ length: count }, (_, i) => i % classes)
    const images = Uint8Array.from({ length: count * channels * size * size }, (_, i) => {
      const image = Math.floor(i / (channels * size * size))
      const row = Math.floor(i / size) % size
      const stripe = Math.floor((row * classes) / size) === labels[image]
      return (stripe ? 150 : 50) + (noise.word(i) % 60)
    })
    return { images, labels, size: count }
  }
  return {
    train: split(train, 1),
    test: split(test, 2),
    info: {
      name: 'stripes',
      classes,
      classNames: Array.from({ length: classes }, (_, i) => `stripe ${i}`),
      channels,
      height: size,
      width: size,
      mean: new Array(channels).fill(0.4),
      std: new Array(channels).fill(0.2),
      flip: true,
    },
  }
}
