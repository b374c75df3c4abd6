// A projected-gradient attack as evaluation attack and as inner attack of a search.

import { type Classifier, deviceOf } from '../../nn/classifier.ts'
import type { Device } from '../../tensor/device.ts'
import { Repeated } from '../../tensor/repeated.ts'
import { scope } from '../../tensor/scope.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { answerOf } from './answer.ts'
import type { Attack, AttackRunOptions } from './attack.ts'
import { attackBatches, type BatchControl, type BatchFinding } from './batches.ts'
import { aimed, reached } from './goal.ts'
import type { GivenBatch, HostBatch } from './host-batch.ts'
import type { InnerAttack } from './inner-attack.ts'
import { checkClasses, lossFor, topClass } from './losses.ts'
import { row } from './oracle.ts'
import { type ProjectedGradient, projectedGradient } from './projected-gradient.ts'

/** An attack that evaluates, and that a search or training can also train against. */
export type GradientAttack = Attack & InnerAttack

/**
 * Each image has one forward pass before, unless the first step starts there, and one after each run.
 * `restarts` > 1 tries again from other starts and keeps, for each image, the result of largest loss or a success.
 */
export function gradientAttack(name: string, settings: ProjectedGradient, restarts = 1): GradientAttack {
  const { threat, loss, stepSize, steps, randomStart, onlyCorrect } = settings
  return {
    name,
    eps: threat.eps,
    norm: threat.norm,
    settings: {
      eps: threat.eps,
      norm: threat.norm,
      loss,
      stepSize,
      steps,
      randomStart: randomStart !== null,
      onlyCorrect,
      restarts,
    },
    passes: () => ({
      forwards: (startsAtImage(settings) ? 0 : 1) + restarts * (steps + 1),
      backwards: restarts * steps,
    }),
    replays: 1,
    session() {
      const repeated = new Repeated()
      return {
        adversarial(model, batch) {
          checkClasses(loss, model.numClasses)
          return projectedGradient(model, { ...batch, step: batch.epoch }, settings, repeated)
        },
        dispose: () => repeated.dispose(),
      }
    },
    async run(model, images, labels, options: AttackRunOptions = {}) {
      using repeated = new Repeated()
      return await attackBatches(
        model,
        images,
        labels,
        options,
        (batch, control) =>
          attackBatch(model, deviceOf(model, images), batch, control, settings, restarts, repeated),
        {
          name,
          targeted: true,
          check: () => checkClasses(loss, model.numClasses, options.targets !== undefined),
        },
      )
    },
  }
}

async function attackBatch(
  model: Classifier,
  device: Device,
  given: GivenBatch,
  { signal, onShare }: BatchControl,
  settings: ProjectedGradient,
  restarts: number,
  repeated: Repeated,
): Promise<BatchFinding> {
  const { loss, steps } = settings
  const { count, images, labels, sampleIds, seed } = given
  const imageSize = images.length / count
  const classes = model.numClasses
  using onDevice = tensor(images, [count, ...model.inputShape], { device })
  using theirLabels = tensor(labels, [count], { dtype: 'i32', device })
  using theirIds = tensor(sampleIds, [count], { dtype: 'i32', device })
  let natural = startsAtImage(settings, given.targets) ? undefined : await answer(model, onDevice)
  const naturalPasses = natural === undefined ? 0 : 1
  const batch = natural === undefined ? (given as HostBatch) : aimed(given, natural, classes)
  const { targets } = batch
  using theirTargets = targets && tensor(targets, [count], { dtype: 'i32', device })
  const lossOf = lossFor(loss, targets !== undefined)
  const unused = new Float64Array(classes)
  const adversarial = new Float32Array(images)
  const done = new Uint8Array(count)
  const robust = new Uint8Array(count).fill(1)
  const bestLoss = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  for (let restart = 0; restart < restarts; restart++) {
    const onStart =
      natural === undefined ? (logits: Float32Array<ArrayBuffer>) => (natural = logits) : undefined
    using x = await projectedGradient(
      model,
      {
        images: onDevice,
        labels: theirLabels,
        targets: theirTargets,
        sampleIds: theirIds,
        seed,
        signal,
        step: restart,
        onStart,
      },
      settings,
      repeated,
    )
    const [logits, points] = [await answer(model, x), await x.data()]
    for (const [n, label] of labels.entries()) {
      const own = row(logits, n, classes)
      const value = lossOf(own, label, unused, targets?.[n] ?? -1)
      const reaches = reached(batch, n, own)
      const better = reaches === (done[n] === 1) ? value > bestLoss[n] : reaches
      if (!better) continue
      done[n] = reaches ? 1 : 0
      robust[n] = topClass(own) === label ? 1 : 0
      bestLoss[n] = value
      adversarial.set(row(points, n, imageSize), n * imageSize)
    }
    onShare((restart + 1) / restarts)
  }
  const right = labels.map((label, n) => (topClass(row(natural!, n, classes)) === label ? 1 : 0))
  return {
    adversarial,
    right,
    robust,
    bestLoss,
    ...(targets && { targets, hit: done }),
    forwards: count * (naturalPasses + restarts * (steps + 1)),
    backwards: count * restarts * steps,
    warnings: [],
  }
}

/** Whether the first step asks the model about the image itself, so that this need not be asked beforehand. */
function startsAtImage({ randomStart }: ProjectedGradient, targets?: GivenBatch['targets']): boolean {
  return randomStart === null && targets !== 'least-likely'
}

async function answer(model: Classifier, x: Tensor): Promise<Float32Array<ArrayBuffer>> {
  using logits = scope(() => answerOf(model, x))
  return logits.data()
}
