// What every evaluation checks before it loads or attacks anything.
import { ConfigError } from '../errors.ts'
import { parseEps } from './values.ts'

interface Images {
  readonly classes: number
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly name: string
}

/** @throws ConfigError (option 'dataset') where the images are not those that the ticket is for */
export function checkImages(
  {
    classes,
    inChannels,
    imageSize,
  }: { classes: number; inChannels: number; imageSize: readonly [number, number] },
  data: Images,
): void {
  const wanted = `${inChannels}×${imageSize.join('×')} pixels and ${classes} classes`
  const came = `${data.channels}×${data.height}×${data.width} pixels and ${data.classes} classes`
  if (wanted === came) return
  throw new ConfigError(
    `The ticket is for images of ${wanted} but ${data.name} has ${came}: give another --dataset.`,
    'dataset',
  )
}

/** @throws ConfigError (option 'eps') for L2 without a radius, and for an L∞ radius above 1 */
export function checkRadius({ norm, eps }: { norm: 'linf' | 'l2'; eps?: number }): void {
  if (norm === 'linf' && eps !== undefined) parseEps(String(eps), '--eps')
  if (norm !== 'l2' || eps !== undefined) return
  throw new ConfigError(
    '--norm l2 needs --eps: there is no usual L2 radius; 128/255 is common on CIFAR.',
    'eps',
  )
}
