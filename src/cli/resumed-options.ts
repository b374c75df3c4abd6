// What a run is that --resume continues: its own config.json says so, and need not be told again.
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { ConfigError } from '../errors.ts'
import { writeFileAtomic } from '../files/atomic.ts'
import { parseJson } from '../files/json.ts'
import { readRegularFile } from '../files/read-file.ts'
import { innerAttackRows } from './inner-attack.ts'
import type { innerAttackNames } from './options.ts'

const largestConfig = 1 << 20

/** Options that a recipe has under the same name. */
const sameNames = [
  ...['arch', 'width', 'dataset', 'epochs', 'batchSize', 'lr', 'momentum', 'weightDecay', 'labelSmoothing'],
  ...['augment', 'seed', 'pattern', 'init', 'weightSeed', 'scoreSeed'],
]

/** Options that a recipe does not have. */
const files = ['data', 'from', 'ticket']
const besideRecipe = [...files, 'evalLimit', 'evalEps', 'evalStepSize', 'evalSteps']
const besideFile = 'command.json'

type Stored = Readonly<Record<string, unknown>>

/**
 * Sets the options of `command` that are open to those of the run in `out`. The run itself refuses given ones that
 * differ.
 * @throws ConfigError (option 'out') where there is no run, or one of another command
 */
export async function takeResumedOptions(command: Command, out: string): Promise<void> {
  const stored = await readRun(out)
  if (stored.command !== command.name()) {
    throw new ConfigError(
      `The run in ${out} is one of rst ${stored.command}: give rst ${stored.command} --resume --out ${out}.`,
      'out',
    )
  }
  const beside = await readStored(join(out, besideFile)).catch(() => ({}))
  for (const [name, value] of Object.entries({ ...resumedOptions(stored), ...keptOf(beside) })) {
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

/**
 * Writes beside config.json what a resume needs and the recipe of the run does not hold: where files lie, and the closing
 * evaluation. A folder that holds a run already stays as it is.
 */
export async function keepBesideRecipe(out: string, options: object): Promise<void> {
  if (existsSync(join(out, 'config.json'))) return
  const kept = keptOf(options as Stored)
  for (const name of files) if (kept[name] !== undefined) kept[name] = resolve(String(kept[name]))
  await writeFileAtomic(join(out, besideFile), `${JSON.stringify(kept, null, 2)}\n`)
}

function keptOf(options: Stored): Record<string, unknown> {
  return Object.fromEntries(besideRecipe.map(name => [name, options[name]]))
}

async function readRun(out: string): Promise<Stored> {
  return readStored(join(out, 'config.json'))
}

async function readStored(file: string): Promise<Stored> {
  const out = dirname(file)
  const bytes = await readRegularFile(
    file,
    reason =>
      new ConfigError(
        `${out} holds no run to resume: cannot read ${file}: ${reason}. Leave out --resume to start one.`,
        'out',
      ),
    largestConfig,
  )
  let stored: unknown
  try {
    stored = parseJson(bytes.toString())
  } catch (cause) {
    throw new ConfigError(
      `${file} is not JSON, so its run cannot be resumed: start one in another --out.`,
      'out',
      { cause },
    )
  }
  if (isObject(stored)) return stored
  throw new ConfigError(`${file} is not the configuration of a run: start one in another --out.`, 'out')
}

function isObject(value: unknown): value is Stored {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
