// A projected-gradient attack as evaluation attack and as inner attack of a search.
import { Device } from '../tensor/device.ts'
import { scope } from '../tensor/scope.ts'
import { Tensor, tensor } from '../tensor/tensor.ts'
import type { Attack, AttackRunOptions } from './attack.ts'
import { attackBatches, type BatchControl, type BatchOutcome, type HostBatch } from './batches.ts'
import type { Classifier } from './classifier.ts'
import type { InnerAttack } from './inner-attack.ts'
import { checkClasses, losses, topClass } from './losses.ts'
import { row } from './oracle.ts'
import { type ProjectedGradient, projectedGradient } from './projected-gradient.ts'

export type GradientAttack = Attack & InnerAttack

/** `restarts` > 1 tries again from other starts and keeps, for each image, the result of largest loss or a success. */
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
      randomStart,
      onlyCorrect,
      restarts,
    },
    passes: () => ({ forwards: restarts * (steps + 1), backwards: restarts * steps }),
    replays: 1,
    session: () => ({
      adversarial(model, batch) {
        checkClasses(loss, model.numClasses)
        return projectedGradient(model, { ...batch, step: batch.epoch }, settings)
      },
    }),
    run(model, images, labels, options: AttackRunOptions = {}) {
      const device =
        images instanceof Tensor ? images.device : ((model as { device?: Device }).device ?? Device.default)
      return attackBatches(
        model,
        images,
        labels,
        options,
        (batch, control) => attackBatch(model, device, batch, control, settings, restarts),
        () => checkClasses(loss, model.numClasses),
      )
    },
  }
}

async function attackBatch(
  model: Classifier,
  device: Device,
  { count, images, labels, sampleIds, seed }: HostBatch,
  { signal, onShare }: BatchControl,
  settings: ProjectedGradient,
  restarts: number,
): Promise<BatchOutcome> {
  const { loss, steps } = settings
  const imageSize = images.length / count
  const classes = model.numClasses
  const unused = new Float64Array(classes)
  const adversarial = new Float32Array(images)
  const robust = new Uint8Array(count).fill(1)
  const bestLoss = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  using natural = tensor(images, [count, ...model.inputShape], { device })
  using theirLabels = tensor(labels, [count], { dtype: 'i32', device })
  using theirIds = tensor(sampleIds, [count], { dtype: 'i32', device })
  const batch = { images: natural, labels: theirLabels, sampleIds: theirIds, seed, signal }
  for (let restart = 0; restart < restarts; restart++) {
    using x = await projectedGradient(model, { ...batch, step: restart }, settings)
    using answer = scope(() => model.logits(x))
    const [points, logits] = [await x.data(), await answer.data()]
    for (const [n, label] of labels.entries()) {
      const own = row(logits, n, classes)
      const value = losses[loss](own, label, unused, -1)
      const fools = topClass(own) !== label
      const better = fools === (robust[n] === 0) ? value > bestLoss[n] : fools
      if (!better) continue
      robust[n] = fools ? 0 : 1
      bestLoss[n] = value
      adversarial.set(row(points, n, imageSize), n * imageSize)
    }
    onShare((restart + 1) / restarts)
  }
  return {
    adversarial,
    robust,
    bestLoss,
    forwards: count * restarts * (steps + 1),
    backwards: count * restarts * steps,
    warnings: [],
  }
}
