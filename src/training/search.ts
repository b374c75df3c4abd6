// The search of a robust scratch ticket (paper, Sec. 3): adversarial training of a mask over frozen random weights.
import { createHash } from 'node:crypto'
import { AbortError, ConfigError } from '../errors.ts'
import { type Filled, withDefaults } from '../inputs/rows.ts'
import * as models from '../models/index.ts'
import type { Network } from '../nn/network.ts'
import type { DenseMetadata, DenseModel } from '../saved/dense-model.ts'
import { Ticket } from '../saved/ticket.ts'
import { type Json, type TicketMetadata, ticketFormat } from '../saved/ticket-data.ts'
import { outsideScopes, scope } from '../tensor/scope.ts'
import { tensor } from '../tensor/tensor.ts'
import { version } from '../version.ts'
import { ImageSource } from './image-source.ts'
import { searchRows } from './option-rows.ts'
import type { SearchOptions } from './options.ts'
import { networkOptions, type ResolvedTraining, recipeOf, resolveTraining } from './resolve.ts'
import { openRun } from './run.ts'
import { train } from './training.ts'
import type { EpochRecord, Trainee } from './training-state.ts'

/**
 * Searches the subnetwork of a random network that is robust to the inner attack (Fu et al., NeurIPS 2021, section
 * 3): adversarial training of a mask over frozen weights, by scores whose gradients pass straight through the
 * selection (Ramanujan et al., CVPR 2020).
 * @param options network, remaining ratio, data and recipe
 * @returns the ticket of the epoch that was chosen, and a record of each epoch
 * @throws ConfigError, DatasetError, DivergenceError, OutOfMemoryError; AbortError after a checkpoint (with runDir)
 * @example
 * import { attacks, datasets, searchRST } from 'rst-native'
 * const { ticket, history } = await searchRST({
 *   arch: 'conv4',
 *   width: 0.5,
 *   data: await datasets.fashionMnist(),
 *   remainingRatio: 0.3,
 *   inner: attacks.fgsmRs({ eps: 0.1 }),
 *   epochs: 2,
 *   batchSize: 128,
 * })
 * await ticket.save('fashion.safetensors')
 * console.log(ticket.metadata.arch, history.length) // → conv4 2
 */
export async function searchRST(options: SearchOptions): Promise<{ ticket: Ticket; history: EpochRecord[] }> {
  const filled = withDefaults('searchRST', options, searchRows)
  const training = await resolveTraining(options)
  const metadata = ticketMetadata(filled, training)
  const network = await searchedNetwork(training, metadata, filled)
  try {
    const trainee: Trainee = {
      network,
      parameters: network.convolutions.map(layer => ({
        name: `${layer.spec.name}.scores`,
        tensor: layer.scores!,
      })),
      parametersChanged: () => network.updateMasks(metadata.remainingRatio),
    }
    const { remainingRatio, pattern, init, weightSeed, scoreSeed } = metadata
    const settings = {
      ...recipeOf(training),
      remainingRatio,
      pattern,
      init,
      weightSeed,
      scoreSeed,
      ...(options.from && { from: await weightsDigest(network) }),
    }
    const history = await train(trainee, training, await openRun(training, 'search', settings))
    return { ticket: new Ticket(network, metadata, { trained: options.from !== undefined }), history }
  } catch (error) {
    network.dispose()
    throw error
  }
}

type FilledSearch = Filled<typeof searchRows>

/** Batches that settle the running statistics of a ticket that was not searched. */
const calibrationBatches = 40

/**
 * The baseline that every search starts from: a random mask of the same ratio. Its batch-norm statistics are
 * estimated on training images, so that it is only the mask that is random.
 * @param options those of `searchRST`
 * @throws ConfigError, DatasetError, OutOfMemoryError
 * @example
 * import { datasets, randomTicket } from 'rst-native'
 * const data = await datasets.cifar10()
 * const ticket = await randomTicket({ arch: 'conv2', width: 0.25, data, remainingRatio: 0.05, epochs: 1, batchSize: 128 })
 * console.log(ticket.metadata.remainingRatio) // → 0.05
 */
export async function randomTicket(options: SearchOptions): Promise<Ticket> {
  const filled = withDefaults('randomTicket', options, searchRows)
  const training = await resolveTraining(options)
  const metadata = ticketMetadata(filled, training)
  const network = await searchedNetwork(training, metadata, filled)
  try {
    await calibrate(network, training, metadata.remainingRatio)
    return new Ticket(
      network,
      { ...metadata, recipe: { search: 'none' } },
      { trained: options.from !== undefined },
    )
  } catch (error) {
    network.dispose()
    throw error
  }
}

/** Masks the network by its scores, and lets its running statistics settle. @throws AbortError */
async function calibrate(
  network: Network,
  training: ResolvedTraining,
  remainingRatio: number,
): Promise<void> {
  const source = await ImageSource.open(training)
  try {
    network.updateMasks(remainingRatio)
    network.mode = 'train'
    const { size } = training.images
    for (let i = 0; i < calibrationBatches; i++) {
      if (training.signal?.aborted) {
        throw new AbortError('The statistics of the random ticket were interrupted.', {
          cause: training.signal.reason,
        })
      }
      const indices = Array.from(
        { length: Math.min(training.batchSize, size) },
        (_, j) => (i * training.batchSize + j) % size,
      )
      const batch = source.batch(indices, 0)
      try {
        scope(() => void network.logits(batch.images))
      } finally {
        batch.dispose()
      }
      await training.device.synchronize()
    }
  } finally {
    source.dispose()
  }
}

/** The network that masks are searched over: random weights, or those of a trained one. */
async function searchedNetwork(
  training: ResolvedTraining,
  metadata: TicketMetadata,
  { from, reinitClassifier }: FilledSearch,
): Promise<Network> {
  if (reinitClassifier && !from) {
    throw new ConfigError(
      'Expected reinitClassifier only together with from, the trained model to search in.',
      'reinitClassifier',
    )
  }
  if (from) checkSource(from, metadata, reinitClassifier)
  const network = models.create(training.arch, networkOptions(training.data, training.width, training.device))
  try {
    network.drawWeights(metadata.init, metadata.weightSeed)
    network.drawScores(metadata.pattern, metadata.scoreSeed)
    if (from) {
      const copied = reinitClassifier ? network.convolutions.slice(0, -1) : network.convolutions
      for (const [i, layer] of copied.entries()) {
        const weight = await from.network.convolutions[i].weight.data()
        layer.weight = outsideScopes(() =>
          tensor(weight, layer.spec.weightShape, { device: training.device }),
        )
      }
      await copyBiasesAndAffine(from.network, network, reinitClassifier)
    }
    return network
  } catch (error) {
    network.dispose()
    throw error
  }
}

async function copyBiasesAndAffine(from: Network, to: Network, reinitClassifier: boolean): Promise<void> {
  const left = reinitClassifier ? `${to.convolutions.at(-1)!.spec.name}.bias` : undefined
  const values = new Map<string, Float32Array>()
  for (const { name, tensor } of from.biasesAndAffine)
    if (name !== left) values.set(name, await tensor.data())
  to.setBiasesAndAffine(values)
}

/** @throws ConfigError where the trained model is another network than the search's */
function checkSource(from: DenseModel, metadata: TicketMetadata, reinitClassifier: boolean): void {
  const describe = ({ arch, width, classes, inChannels, imageSize }: typeof metadata | DenseMetadata) =>
    `${arch} of width ${width} for ${inChannels}×${imageSize.join('×')} pixels${reinitClassifier ? '' : ` and ${classes} classes`}`
  const [wanted, came] = [describe(metadata), describe(from.metadata)]
  if (wanted === came) return
  const hint = reinitClassifier ? '' : '; for other classes set reinitClassifier'
  throw new ConfigError(`Expected a trained ${wanted} in from but received ${came}${hint}.`, 'from')
}

async function weightsDigest(network: Network): Promise<string> {
  const hash = createHash('sha256')
  for (const { tensor } of network.parameters) hash.update(await tensor.data())
  return hash.digest('hex')
}

function ticketMetadata(options: FilledSearch, training: ResolvedTraining): TicketMetadata {
  const { remainingRatio, pattern, init, weightSeed, scoreSeed, from } = options
  const { info } = training.data
  return {
    format: ticketFormat,
    arch: training.arch,
    width: training.width,
    classes: info.classes,
    inChannels: info.channels,
    imageSize: [info.height, info.width],
    init,
    weightSeed,
    scoreSeed,
    remainingRatio,
    pattern,
    dataset: info.name,
    normalisation: { mean: info.mean, std: info.std },
    recipe: from
      ? {
          search: 'rtt',
          ...recipeOf(training),
          from: from.metadata.recipe as { [key: string]: Json },
        }
      : { search: 'rst', ...recipeOf(training) },
    accuracies: {},
    libraryVersion: version,
  }
}
