// Mean and standard deviation of the pixels of each channel.

/**
 * @param images [N, channels, plane], 0…255
 * @param plane pixels of one channel of an image
 * @returns of each channel in units of [0, 1]
 */
export function channelStatistics(
  images: Uint8Array,
  channels: number,
  plane: number,
): { mean: number[]; std: number[] } {
  const counts = Array.from({ length: channels }, () => new Float64Array(256))
  for (let start = 0, channel = 0; start < images.length; start += plane, channel++) {
    const count = counts[channel % channels]
    for (let i = start; i < start + plane; i++) count[images[i]]++
  }
  const pixels = images.length / channels
  const mean = counts.map(count => count.reduce((sum, n, value) => sum + n * value, 0) / pixels / 255)
  const std = counts.map((count, c) =>
    Math.sqrt(count.reduce((sum, n, value) => sum + n * (value / 255 - mean[c]) ** 2, 0) / pixels),
  )
  return { mean, std }
}
