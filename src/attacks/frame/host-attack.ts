// What the attacks that decide image by image share: a check of all that they claim.

import type { Classifier } from '../../nn/classifier.ts'
import type { Attack, AttackRunOptions, AttackSettings, Passes, Warning } from './attack.ts'
import { attackBatches, type BatchFinding } from './batches.ts'
import { aimed } from './goal.ts'
import type { HostBatch } from './host-batch.ts'
import { topClass } from './losses.ts'
import { Oracle, row } from './oracle.ts'
import { insideThreat, type ThreatModel } from './threat-model.ts'

/** What an attack hands back of a batch. */
export interface HostBatchResult {
  /** [count·C·H·W]; of an image that it could not fool, the best try or the image itself. */
  readonly adversarial: Float32Array<ArrayBuffer>
  /** The largest loss found for each image, [count]. */
  readonly bestLoss: ArrayLike<number>
  /** See AttackResult, [count] each. */
  readonly distances?: ArrayLike<number>
  readonly queries?: ArrayLike<number>
  /** 1 = right on the image itself, [count]: for models that answer at random, where more than one answer decides. */
  readonly right?: ArrayLike<number>
  readonly warnings?: readonly Warning[]
}

export interface HostAttackSpec {
  readonly name: string
  readonly threat: ThreatModel
  /** Beside norm and eps. */
  readonly settings: AttackSettings
  /** See Attack; also of targeted runs. */
  readonly passes: (classes: number, targeted: boolean) => Passes
  /** Throws a ConfigError where the attack does not fit the model. */
  readonly check?: (model: Classifier, targeted: boolean) => void
  /** @param natural logits of the images themselves, [count·classes] */
  readonly attackBatch: (
    oracle: Oracle,
    batch: HostBatch,
    natural: Float32Array<ArrayBuffer>,
  ) => Promise<HostBatchResult>
}

/**
 * The first forward pass is that of the images themselves. Before it counts, each image that comes back is checked apart from the attack: inside ball and box, or else it is put
 * back to the original image and a warning says how many of the batch were; and classified anew, in one more forward
 * pass.
 */
export function hostAttack({ name, threat, settings, passes, check, attackBatch }: HostAttackSpec): Attack {
  return {
    name,
    eps: threat.eps,
    norm: threat.norm,
    settings: { eps: threat.eps, norm: threat.norm, ...settings },
    passes: classes => passes(classes, false),
    run(model, images, labels, options: AttackRunOptions = {}) {
      const targeted = options?.targets !== undefined
      return attackBatches(
        model,
        images,
        labels,
        options,
        async (given, { signal, onShare }) => {
          const expected = passes(model.numClasses, targeted)
          const most = (expected.forwards + expected.backwards) * given.count
          const oracle = new Oracle(model, signal, done => onShare(done / most))
          const natural = await oracle.logits(given.images)
          const batch = aimed(given, natural, oracle.classes)
          const result = await attackBatch(oracle, batch, natural)
          return checked(oracle, batch, natural, result, name, threat)
        },
        { name, targeted: true, check: check && (() => check(model, targeted)) },
      )
    },
  }
}

async function checked(
  oracle: Oracle,
  { count, images, labels, targets }: HostBatch,
  natural: Float32Array,
  { adversarial, bestLoss, distances, queries, right, warnings = [] }: HostBatchResult,
  name: string,
  threat: ThreatModel,
): Promise<BatchFinding> {
  const { imageSize, classes } = oracle
  const found = new Float32Array(adversarial)
  let outside = 0
  for (let n = 0; n < count; n++) {
    const original = row(images, n, imageSize)
    if (insideThreat(original, row(found, n, imageSize), threat)) continue
    found.set(original, n * imageSize)
    outside++
  }
  const answers = await oracle.logits(found)
  const agreeing = (logits: Float32Array, wanted: Int32Array) =>
    Uint8Array.from(wanted, (c, n) => (topClass(row(logits, n, classes)) === c ? 1 : 0))
  const fault: Warning = {
    code: 'outside-threat-model',
    message: `${outside} images of ${name} left the ${threat.norm} ball of ${threat.eps} or the box and were put back; the attack has a fault.`,
  }
  return {
    adversarial: found,
    right: right ?? agreeing(natural, labels),
    robust: agreeing(answers, labels),
    bestLoss,
    ...(distances && { distances }),
    ...(queries && { queries }),
    ...(targets && { targets, hit: agreeing(answers, targets) }),
    forwards: oracle.forwards,
    backwards: oracle.backwards,
    warnings: outside > 0 ? [...warnings, fault] : warnings,
  }
}
