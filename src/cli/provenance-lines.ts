// What numbers are of, as lines under a table.

import type { DataProvenance, Provenance } from '../evaluation/provenance.ts'
import type { ModelIdentity } from '../nn/classifier.ts'
import { formatCount } from './format.ts'
import { formatEps } from './values.ts'

/** 'on 1,000 of 10,000 images of cifar10 test (subset of seed 0)'. */
export function imagesLine({
  name,
  images,
  of,
  which,
}: Pick<DataProvenance, 'name' | 'images' | 'of' | 'which'>): string {
  const count = of === undefined ? formatCount(images) : `${formatCount(images)} of ${formatCount(of)}`
  return `on ${count} images${name === null ? '' : ` of ${name}`}${choiceOf(which)}`
}

function choiceOf(which: DataProvenance['which']): string {
  if (which === 'all') return ''
  if (which === 'part') return ' (a part that the caller chose)'
  if ('first' in which) return ' (the first)'
  if ('subsetSeed' in which) return ` (subset of seed ${which.subsetSeed})`
  if ('heldOutSeed' in which) return ` (held out by seed ${which.heldOutSeed})`
  return ` (left by the hold-out of seed ${which.restSeed})`
}

/** 'pgd-20 (L∞ 8/255)'. */
export function attackName({ name, norm, eps }: { name: string; norm: 'linf' | 'l2'; eps: number }): string {
  return `${name} (${{ linf: 'L∞', l2: 'L2' }[norm]} ${formatEps(eps)})`
}

/** Hash of the first digits that tell files apart. */
function shortHash({ hash }: Pick<ModelIdentity, 'hash'>): string {
  return hash.slice(0, 12)
}

/** By what: models by their hashes, the attacks' seed, version and device. */
export function originLine({ models, attacks, version, device }: Provenance): string {
  const names = models.map(model =>
    'hash' in model ? `${model.kind} ${shortHash(model)}` : `${model.kind} of answers ${model.answers}`,
  )
  const seed = attacks.length > 0 ? `, attack seed ${attacks[0].seed}` : ''
  return `${names.join(', ')}${seed}; rst-native ${version}, ${device}`
}
