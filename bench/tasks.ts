// The work that is timed, on one network and one batch.
import { pgd } from '../src/attacks/pgd.ts'
import type { Network } from '../src/nn/network.ts'
import * as ops from '../src/tensor/ops/index.ts'
import { scope } from '../src/tensor/scope.ts'
import { grad } from '../src/tensor/tape.ts'
import { weightTrainee } from '../src/training/dense.ts'
import { TrainStep } from '../src/training/train-step.ts'
import type { Trainee } from '../src/training/training-state.ts'
import { autoAttackTask } from './autoattack.ts'
import type { Work } from './row.ts'
import type { Task } from './stopwatch.ts'
import type { Workbench } from './workbench.ts'

/** Takes ownership of the network, whose masks have the given ratio. */
export function createTask(work: Work, bench: Workbench, network: Network, ratio: number): Task {
  switch (work) {
    case 'forward':
      return forward(bench, network)
    case 'input-gradient':
      return inputGradient(bench, network)
    case 'autoattack':
      return autoAttackTask(bench, network)
    case 'pgd-step':
      return pgdStep(bench, network)
    case 'search-step':
      return sgdStep(bench, {
        network,
        parameters: network.convolutions.map(layer => ({ name: layer.spec.name, tensor: layer.scores! })),
        parametersChanged: () => network.updateMasks(ratio),
      })
    case 'train-step':
      for (const layer of network.convolutions) layer.mask = layer.scores = null
      return sgdStep(bench, weightTrainee(network))
  }
}

/** Logits in eval mode, read back. */
function forward({ images }: Workbench, network: Network): Task {
  return {
    async run(iterations) {
      for (let i = 0; i < iterations; i++) {
        network.mode = 'eval'
        using logits = scope(() => network.logits(images.images))
        await logits.data()
      }
    },
    dispose: () => network.dispose(),
  }
}

/** The loss gradient to the images in eval mode. */
function inputGradient({ images, device }: Workbench, network: Network): Task {
  return {
    async run(iterations) {
      for (let i = 0; i < iterations; i++) {
        network.mode = 'eval'
        lossGradient(network, images).dispose()
        await device.synchronize()
      }
    },
    dispose: () => network.dispose(),
  }
}

export function lossGradient(network: Network, { images, labels }: Workbench['images']) {
  return scope(() => grad(() => ops.crossEntropy(network.logits(images), labels), [images]).gradients[0]!)
}

/** One of the 20 steps of PGD-20: forward, gradient to the images, sign step and projection, in eval mode. */
function pgdStep({ images, device }: Workbench, network: Network): Task {
  const oneStep = pgd({ eps: 8 / 255, stepSize: 2 / 255, steps: 1 }).session()
  return {
    async run(iterations) {
      for (let i = 0; i < iterations; i++) {
        network.mode = 'eval'
        const x = await oneStep.adversarial(network, images)
        x.dispose()
        await device.synchronize()
      }
    },
    dispose() {
      oneStep.dispose?.()
      network.dispose()
    },
  }
}

/** Seven attack steps with batch statistics, the gradients of the parameters, SGD, and masks where there are any. */
function sgdStep({ training, images, device }: Workbench, trainee: Trainee): Task {
  const velocities = trainee.parameters.map(({ tensor }) => ops.full(tensor.shape, 0, device))
  const session = training.inner!.session()
  const step = new TrainStep(trainee, training, session, velocities)
  return {
    async run(iterations) {
      for (let i = 0; i < iterations; i++) {
        const { loss, accuracy } = await step.run(images, training.lr)
        loss.dispose()
        accuracy.dispose()
        await device.synchronize()
      }
    },
    dispose() {
      step.dispose()
      session.dispose?.()
      for (const velocity of velocities) velocity.dispose()
      trainee.network.dispose()
    },
  }
}
