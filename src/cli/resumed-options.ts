// What a run is that --resume continues: its own folder says so, and need not be told again.
import type { Command } from 'commander'
import { ConfigError } from '../errors.ts'
import { readStoredRun, type Stored } from '../runs/beside-recipe.ts'
import { innerAttackRows } from './inner-attack.ts'
import type { innerAttackNames } from './options.ts'

/** Options that a recipe has under the same name. */
const sameNames = [
  ...['arch', 'width', 'dataset', 'epochs', 'batchSize', 'lr', 'momentum', 'weightDecay', 'labelSmoothing'],
  ...['augment', 'seed', 'pattern', 'init', 'weightSeed', 'scoreSeed'],
]

/**
 * Sets the options of `command` that are open to those of the run in `out`. The run itself refuses given ones that
 * differ.
 * @throws ConfigError (option 'out') where there is no run, or one of another command
 */
export async function takeResumedOptions(command: Command, out: string): Promise<void> {
  const { recipe: stored, beside } = await readStoredRun(out)
  if (stored.command !== command.name()) {
    throw new ConfigError(
      `The run in ${out} is one of rst ${stored.command}: give rst ${stored.command} --resume --out ${out}.`,
      'out',
    )
  }
  for (const [name, value] of Object.entries({ ...resumedOptions(stored), ...beside })) {
    const isOption = command.options.some(option => option.attributeName() === name)
    if (!isOption || value === undefined) continue
    if (['cli', 'config'].includes(command.getOptionValueSource(name) ?? '')) continue
    command.setOptionValueWithSource(name, value, 'resumed')
  }
}

/** Whether `command` is one that trains, whose run folder has the options. */
export function isTraining(command: Command): boolean {
  return command.options.some(option => option.attributeName() === 'selectOn')
}

/** The options of the command line from the recipe that a run folder keeps. */
function resumedOptions(stored: Stored): Stored {
  const { remainingRatio, schedule, weights } = stored
  const { kind, warmupEpochs = 0 } = isObject(schedule) ? schedule : {}
  return {
    ...Object.fromEntries(sameNames.map(name => [name, stored[name]])),
    ratio: remainingRatio,
    weights,
    schedule: kind,
    warmupEpochs,
    ...selectionOf(stored),
    ...innerOf(stored),
  }
}

/** Where the epoch is chosen, and the images that are trained on and held out. */
function selectionOf({ selectedOn, trainImages }: Stored): Stored {
  if (!isObject(selectedOn)) return { limit: trainImages, ...(selectedOn === 'last' && { selectOn: 'last' }) }
  const { images, every, on } = selectedOn
  const heldOut = on === 'validation' ? (images as number) : 0
  return {
    selectOn: on,
    selectEvery: every,
    validationImages: images,
    limit: (trainImages as number) + heldOut,
  }
}

function innerOf({ inner }: Stored): Stored {
  if (!isObject(inner)) return { attack: 'none' }
  const names = Object.keys(innerAttackRows) as (typeof innerAttackNames)[number][]
  // By the longest, since attacks have their steps behind their names: fgsm-rs, pgd-7.
  const attack = names.sort((a, b) => b.length - a.length).find(name => String(inner.name).startsWith(name))
  if (attack === undefined) return {}
  const { eps, stepSize, steps, replays } = inner
  const settings: Stored = { eps, stepSize, steps: attack === 'free' ? replays : steps }
  return { attack, ...Object.fromEntries(innerAttackRows[attack].reads.map(name => [name, settings[name]])) }
}

function isObject(value: unknown): value is Stored {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
