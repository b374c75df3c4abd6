// What a run is that --resume continues: its own folder says so, and need not be told again.
import type { Command } from 'commander'
import { innerAttackCommands } from '../attacks/table.ts'
import { ConfigError } from '../errors.ts'
import type { Rows } from '../inputs/rows.ts'
import { readStoredRun, type Stored } from '../runs/beside-recipe.ts'
import { finetuneRows } from '../training/finetune.ts'
import { searchRows } from '../training/option-rows.ts'
import { innerReaders } from './inner-readers.ts'

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
  const { dataset, schedule } = stored
  const { kind, warmupEpochs = 0 } = isObject(schedule) ? schedule : {}
  return {
    ...flagValues({ ...searchRows, ...finetuneRows }, stored),
    dataset,
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
  const names = Object.keys(innerAttackCommands)
  // By the longest, since attacks have their steps behind their names: fgsm-rs, pgd-7.
  const attack = names.sort((a, b) => b.length - a.length).find(name => String(inner.name).startsWith(name))
  if (attack === undefined) return {}
  const settings = Object.entries(flagValues(innerAttackCommands[attack].options, inner))
  const read = settings.filter(([flag]) => innerReaders[attack].reads.includes(flag))
  return { attack, eps: inner.eps, ...Object.fromEntries(read) }
}

/** Values by flags of what is stored by the names of options. */
function flagValues(rows: Rows, stored: Stored): Stored {
  const flagged = Object.entries(rows).filter(([, { flag }]) => flag !== undefined)
  return Object.fromEntries(flagged.map(([name, { flag }]) => [flag!, stored[name]]))
}

function isObject(value: unknown): value is Stored {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
