// Fine-tuning of a ticket's kept weights under its frozen mask (paper, Sec. 5.1).

import { checkDataset } from '../data/check-dataset.ts'
import { ConfigError } from '../errors.ts'
import { kind, oneOf } from '../inputs/kinds.ts'
import { type OptionsOf, option, requiredOption, withDefaults } from '../inputs/rows.ts'
import type { Ticket } from '../saved/ticket.ts'
import { ticketFormat } from '../saved/ticket-data.ts'
import { version } from '../version.ts'
import { weightTrainee } from './dense.ts'
import { trainingRows } from './option-rows.ts'
import { recipeOf, resolveTraining } from './resolve.ts'
import { openRun } from './run.ts'
import { train } from './training.ts'
import type { EpochRecord } from './training-state.ts'

const { arch: _arch, width: _width, device: _device, threads: _threads, ...sharedRows } = trainingRows
const isTicket = (value: unknown): value is Ticket =>
  (value as Ticket | null | undefined)?.metadata?.format === ticketFormat && 'network' in (value as Ticket)

export const finetuneRows = {
  ...sharedRows,
  ticket: requiredOption(
    kind<Ticket>('a ticket, as searchRST or loadTicket gives,', isTicket),
    'the ticket whose kept weights are trained',
  ),
  weights: option(
    oneOf(['inherit', 'reinit']),
    'inherit',
    'inherit: train on from the ticket’s weights; reinit: draw them anew, Kaiming-normal, with `seed`',
    { flag: 'weights' },
  ),
}
/** Options of `finetune`. */
export type FinetuneOptions = OptionsOf<typeof finetuneRows>

/**
 * Trains the weights that the ticket keeps; the ticket given stays as it is.
 * @param options ticket, data and recipe
 * @returns another ticket, which holds its weights, and a record of each epoch
 * @throws ConfigError for data of another kind than the ticket's; DatasetError, DivergenceError, OutOfMemoryError;
 * AbortError after a checkpoint (with runDir)
 * @example
 * import { attacks, datasets, finetune, loadTicket } from 'rst-native'
 * const data = await datasets.cifar10()
 * const found = await loadTicket('rst-10.safetensors')
 * const inner = attacks.fgsmRs({ eps: 8 / 255 })
 * const { ticket } = await finetune({ ticket: found, data, inner, epochs: 1, batchSize: 128, lr: 0.01 })
 * console.log(ticket.trained, found.trained) // → true false
 */
export async function finetune(
  options: FinetuneOptions,
): Promise<{ ticket: Ticket; history: EpochRecord[] }> {
  const { ticket, weights, data } = withDefaults('finetune', options, finetuneRows)
  const { metadata } = ticket
  checkDataset(data)
  const { info } = data
  const size = [info.channels, info.height, info.width, info.classes]
  const expected = [metadata.inChannels, ...metadata.imageSize, metadata.classes]
  if (size.join() !== expected.join()) {
    throw new ConfigError(
      `Expected images and classes of [${expected.join(', ')}] (channels, height, width, classes) as the ticket's but the data set ${info.name} has [${size.join(', ')}].`,
      'data',
    )
  }
  const training = await resolveTraining({
    ...options,
    arch: metadata.arch,
    width: metadata.width,
    device: ticket.network.device,
  })
  const copy = await ticket.clone()
  try {
    if (weights === 'reinit') copy.network.drawWeights('kaiming-normal', training.seed)
    const recipe = { search: 'finetune', weights, ...recipeOf(training), from: metadata.recipe }
    const history = await train(
      weightTrainee(copy.network),
      training,
      await openRun(training, 'finetune', recipe),
    )
    const tuned = copy.withMetadata(
      { ...metadata, recipe, accuracies: {}, measured: undefined, libraryVersion: version },
      { trained: true },
    )
    return { ticket: tuned, history }
  } catch (error) {
    copy.dispose()
    throw error
  }
}
