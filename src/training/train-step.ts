// One training step: an inner attack and one SGD step (paper, Eq. 1). What repeats from step to step is recorded.
import type { InnerAttackBatch, InnerAttackSession } from '../attacks/frame/inner-attack.ts'
import * as ops from '../tensor/ops/index.ts'
import { Repeated } from '../tensor/repeated.ts'
import { grad } from '../tensor/tape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ResolvedTraining } from './resolve.ts'
import type { Trainee } from './training-state.ts'

type Settings = Pick<ResolvedTraining, 'attackBatchNorm' | 'labelSmoothing' | 'momentum' | 'weightDecay'>

/** Means over a batch, scalars that are still on the device; the caller owns them. */
export interface StepResult {
  readonly loss: Tensor
  readonly accuracy: Tensor
}

export class TrainStep {
  readonly #trainee: Trainee
  readonly #settings: Settings
  readonly #session: InnerAttackSession | null
  readonly #velocities: readonly Tensor[]
  readonly #repeated = new Repeated()

  /** @param velocities one a parameter, changed in place; they and the session stay the caller's */
  constructor(
    trainee: Trainee,
    settings: Settings,
    session: InnerAttackSession | null,
    velocities: readonly Tensor[],
  ) {
    this.#trainee = trainee
    this.#settings = settings
    this.#session = session
    this.#velocities = velocities
  }

  async run(batch: InnerAttackBatch, lr: number): Promise<StepResult> {
    const { network } = this.#trainee
    const session = this.#session
    network.mode = this.#settings.attackBatchNorm
    const x = session ? await session.adversarial(network, batch) : batch.images
    network.mode = 'train'
    const { inputGradient, ...result } = this.#repeated.run(
      { owner: network, kind: network.recordingKey },
      (images: Tensor, labels: Tensor<'i32'>) => this.#descend(images, labels, lr),
      [x, batch.labels],
      { sgd_step: { lr } },
    )
    if (inputGradient) {
      session!.update!(inputGradient)
      inputGradient.dispose()
    }
    if (x !== batch.images) x.dispose()
    return result
  }

  #descend(x: Tensor, labels: Tensor<'i32'>, lr: number): StepResult & { inputGradient?: Tensor } {
    const { network, parameters } = this.#trainee
    const { labelSmoothing, momentum, weightDecay } = this.#settings
    const targets = parameters.map(parameter => parameter.tensor)
    const update = this.#session?.update !== undefined
    const { value, gradients } = grad(
      () => {
        const logits = network.logits(x)
        const losses = ops.crossEntropy(logits, labels, { smoothing: labelSmoothing })
        return { loss: ops.mean(losses), accuracy: ops.mean(ops.correct(logits, labels)) }
      },
      update ? [...targets, x] : targets,
    )
    parameters.forEach((parameter, i) => {
      ops.sgdStep(parameter.tensor, gradients[i]!, this.#velocities[i]!, { lr, momentum, weightDecay })
    })
    this.#trainee.parametersChanged()
    return update ? { ...value, inputGradient: gradients.at(-1)! } : value
  }

  /** Lets go of what it recorded. */
  dispose(): void {
    this.#repeated.dispose()
  }
}
