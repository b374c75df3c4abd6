// What an attack wants of the answer to an image: any class but the label or, in a targeted run, one certain class.
import { ConfigError } from '../../errors.ts'
import { checkLabels } from '../../inputs/images.ts'
import type { Targets } from './attack.ts'
import type { GivenBatch, HostBatch } from './host-batch.ts'
import { topClass } from './losses.ts'
import { row } from './oracle.ts'
import { drawsOf } from './streams.ts'

/** Whether an answer is what the attack wants for image n of the batch. */
export function reached(
  { labels, targets }: Pick<HostBatch, 'labels' | 'targets'>,
  n: number,
  logits: Float32Array,
): boolean {
  const top = topClass(logits)
  return targets ? top === targets[n] : top !== labels[n]
}

/**
 * @returns explicit targets as an array, a rule as it is
 * @throws ConfigError, ShapeError
 */
export function checkTargets(
  targets: Targets,
  labels: Int32Array,
  classes: number,
): Int32Array<ArrayBuffer> | 'least-likely' | 'random' {
  if (targets === 'least-likely' || targets === 'random') return targets
  const checked = checkLabels(targets, classes, { images: labels.length, option: 'targets' })
  const same = checked.findIndex((target, n) => target === labels[n])
  if (same < 0) return checked
  throw new ConfigError(
    `Expected targets that are not the labels but image ${same} has ${checked[same]} as both.`,
    'targets',
  )
}

/** For each image a class that is not its label, all equally likely. */
export function randomTargets(
  batch: Pick<HostBatch, 'labels' | 'seed' | 'sampleIds'>,
  classes: number,
): Int32Array<ArrayBuffer> {
  return Int32Array.from(batch.labels, (label, n) => {
    const other = drawsOf('targets', 0, batch, n).integer(classes - 1)
    return other < label ? other : other + 1
  })
}

/**
 * The batch with a target class for each image of a targeted run.
 * @param natural logits of the images themselves, [count·classes]
 */
export function aimed(batch: GivenBatch, natural: Float32Array, classes: number): HostBatch {
  const { targets, ...rest } = batch
  if (targets === undefined) return rest
  if (targets !== 'least-likely') return { ...rest, targets }
  const least = Int32Array.from(batch.labels, (label, n) => leastLikely(row(natural, n, classes), label))
  return { ...rest, targets: least }
}

/** The class of the smallest logit but that of the label; ties go to the lower index. */
function leastLikely(logits: Float32Array, label: number): number {
  let least = label === 0 ? 1 : 0
  for (let c = least + 1; c < logits.length; c++) if (c !== label && logits[c] < logits[least]) least = c
  return least
}
