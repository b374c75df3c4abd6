// @ts-check
// Writes a test image of a data set as PNG, to ask the service with: node sample.js fashion-mnist 0 boot.png
import { datasets } from 'rst-native'
import sharp from 'sharp'

const [name, index = '0', file = 'sample.png'] = process.argv.slice(2)
const { test, info } = await datasets.open(name)
const { channels, height, width, classNames } = info
const plane = height * width
const start = Number(index) * channels * plane
// Planes one after the other become pixels one after the other.
const pixels = Uint8Array.from({ length: channels * plane }, (_, i) => {
  const [pixel, channel] = [Math.floor(i / channels), i % channels]
  return test.images[start + channel * plane + pixel]
})
await sharp(pixels, { raw: { width, height, channels: channels === 1 ? 1 : 3 } })
  .png()
  .toFile(file)
console.log(`${file}: ${classNames[test.labels[Number(index)]]}`)
