// What the attacks that decide image by image share: a check of all that they claim.

import { ShapeError } from '../../errors.ts'
import { isFloat32Array } from '../../inputs/images.ts'
import { anyNumber, callback, kind, oneOf, required, text } from '../../inputs/kinds.ts'
import { checkOptions, describeValue, type OptionRows } from '../../inputs/options.ts'
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
  /** See AttackResult, [count]. */
  readonly distances?: ArrayLike<number>
  /** See AttackResult, [count]. */
  readonly queries?: ArrayLike<number>
  /** 1 = right on the image itself, [count]: for models that answer at random, where more than one answer decides. */
  readonly right?: ArrayLike<number>
  /** What makes the result misleading, if anything. */
  readonly warnings?: readonly Warning[]
}

/** An attack of one's own: what it is called, what it may do, and what it does with one batch. */
export interface HostAttackSpec {
  /** As reports have it. */
  readonly name: string
  /** What it may do, as `attackFrame.threatModel` gives it. */
  readonly threat: ThreatModel
  /** Beside norm and eps, as reports hold them. Default: none. */
  readonly settings?: AttackSettings
  /** See Attack; also of targeted runs. */
  readonly passes: (classes: number, targeted: boolean) => Passes
  /** Throws a ConfigError where the attack does not fit the model. */
  readonly check?: (model: Classifier, targeted: boolean) => void
  /**
   * Attacks one batch. Passes that are made by the oracle are counted.
   * @param natural logits of the images themselves, [count·classes]
   */
  readonly attackBatch: (
    oracle: Oracle,
    batch: HostBatch,
    natural: Float32Array<ArrayBuffer>,
  ) => Promise<HostBatchResult>
}

const specRows: OptionRows<HostAttackSpec> = {
  name: required(text),
  threat: required(kind('a threat model, as threatModel() gives,', value => typeof value === 'object')),
  settings: kind('an object of numbers, texts, true and false', isSettings),
  passes: required(callback),
  check: callback,
  attackBatch: required(callback),
}

export const threatRows: OptionRows<ThreatModel> = {
  norm: required(oneOf(['linf', 'l2'])),
  eps: required(anyNumber),
  low: required(anyNumber),
  high: required(anyNumber),
}

function isSettings(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every(one => ['number', 'string', 'boolean'].includes(typeof one))
  )
}

/**
 * An attack from the part that is its own: what it does with one batch of images in host memory. The frame checks
 * what it is run on, goes batch by batch, keeps finished batches in a journal, chooses targets, tells progress and
 * stops at a signal.
 *
 * The first forward pass is that of the images themselves. Before it counts, each image that comes back is checked
 * apart from the attack: inside ball and box, or else it is put back to the original image and a warning says how
 * many of the batch were; and classified anew, in one more forward pass.
 * @param spec the part that is its own
 * @throws ConfigError
 * @example
 * import { attackFrame, datasets, evaluate, loadTicket } from 'rst-native'
 * const threat = attackFrame.threatModel({ eps: 8 / 255 })
 * const brighter = attackFrame.hostAttack({
 *   name: 'brighter',
 *   threat,
 *   passes: () => ({ forwards: 2, backwards: 0 }), // the images themselves, and the check of the result
 *   async attackBatch(_, { images, count }) {
 *     const adversarial = images.map(pixel => Math.min(1, pixel + threat.eps))
 *     return { adversarial, bestLoss: new Float32Array(count) }
 *   },
 * })
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const { attacks } = await evaluate(ticket, test, { attacks: [brighter], limit: 1000 })
 * console.log(attacks[0].failedChecks) // → 0
 */
export function hostAttack(spec: HostAttackSpec): Attack {
  checkOptions('hostAttack', spec, specRows)
  const { name, threat, settings = {}, passes, check, attackBatch } = spec
  checkOptions('hostAttack', threat, threatRows)
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
          checkResult(result, batch, name)
          return checked(oracle, batch, natural, result, name, threat)
        },
        { name, targeted: true, check: check && (() => check(model, targeted)) },
      )
    },
  }
}

/** @throws ShapeError where an attack hands back something else than it was given images */
function checkResult(result: unknown, { images, count }: HostBatch, name: string): void {
  const { adversarial, bestLoss } = (result ?? {}) as Partial<HostBatchResult>
  if (!isFloat32Array(adversarial) || adversarial.length !== images.length) {
    throw new ShapeError(
      `Expected adversarial images, a Float32Array of ${images.length}, from the attack ${name} but received ${describeValue(adversarial)}.`,
    )
  }
  for (const [field, values] of Object.entries({ ...(result as HostBatchResult), bestLoss })) {
    if (field === 'adversarial' || field === 'warnings' || (values === undefined && field !== 'bestLoss'))
      continue
    const { length } = (values ?? {}) as { length?: number }
    if (length === count) continue
    throw new ShapeError(
      `Expected ${count} values of ${field}, one an image, from the attack ${name} but received ${describeValue(values)}.`,
    )
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
