// What the attacks that decide image by image share: a check of all that they claim.
import type { Attack, AttackRunOptions, AttackSettings, Passes, Warning } from './attack.ts'
import { attackBatches, type HostBatch } from './batches.ts'
import { topClass } from './losses.ts'
import { Oracle, row } from './oracle.ts'
import { insideThreat, type ThreatModel } from './threat-model.ts'

/** What an attack hands back of a batch. */
export interface HostBatchResult {
  /** [count·C·H·W]; of an image that it could not fool, the best try or the image itself. */
  readonly adversarial: Float32Array<ArrayBuffer>
  /** The largest loss found for each image, [count]. */
  readonly bestLoss: ArrayLike<number>
  /** See AttackResult, [count]. */
  readonly distances?: ArrayLike<number>
  readonly warnings?: readonly Warning[]
}

export interface HostAttackSpec {
  readonly name: string
  readonly threat: ThreatModel
  /** Beside norm and eps. */
  readonly settings: AttackSettings
  /** See Attack. */
  readonly passes: (classes: number) => Passes
  /** Throws a ConfigError where the attack does not fit the model. */
  readonly check?: (oracle: Oracle) => void
  readonly attackBatch: (oracle: Oracle, batch: HostBatch) => Promise<HostBatchResult>
}

/**
 * Before it counts, each image that comes back is checked apart from the attack: inside ball and box, or else it is put
 * back to the original image and a warning says how many of the batch were; and classified anew, in one more forward
 * pass.
 */
export function hostAttack({ name, threat, settings, passes, check, attackBatch }: HostAttackSpec): Attack {
  return {
    name,
    eps: threat.eps,
    norm: threat.norm,
    settings: { eps: threat.eps, norm: threat.norm, ...settings },
    passes,
    run: (model, images, labels, options: AttackRunOptions = {}) =>
      attackBatches(
        model,
        images,
        labels,
        options,
        async (batch, { signal, onShare }) => {
          const expected = passes(model.numClasses)
          const most = (expected.forwards + expected.backwards) * batch.count
          const oracle = new Oracle(model, signal, done => onShare(done / most))
          const result = await attackBatch(oracle, batch)
          return { ...result, ...(await checked(oracle, batch, result, name, threat)) }
        },
        check && (() => check(new Oracle(model))),
      ),
  }
}

async function checked(
  oracle: Oracle,
  { count, images, labels }: HostBatch,
  { adversarial, warnings = [] }: HostBatchResult,
  name: string,
  threat: ThreatModel,
) {
  const { imageSize, classes } = oracle
  const found = new Float32Array(adversarial)
  let outside = 0
  for (let n = 0; n < count; n++) {
    const original = row(images, n, imageSize)
    if (insideThreat(original, row(found, n, imageSize), threat)) continue
    found.set(original, n * imageSize)
    outside++
  }
  const logits = await oracle.logits(found)
  const fault: Warning = {
    code: 'outside-threat-model',
    message: `${outside} images of ${name} left the ${threat.norm} ball of ${threat.eps} or the box and were put back; the attack has a fault.`,
  }
  return {
    adversarial: found,
    robust: labels.map((label, n) => (topClass(row(logits, n, classes)) === label ? 1 : 0)),
    forwards: oracle.forwards,
    backwards: oracle.backwards,
    warnings: outside > 0 ? [...warnings, fault] : warnings,
  }
}
