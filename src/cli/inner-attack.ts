// The attack to train against by the name and options of the command line, and what else a training would not read.
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
import { innerAttackCommands } from '../attacks/table.ts'
import { ConfigError } from '../errors.ts'
import { checkApplicable, type Reader } from './applicable.ts'
import { innerReaders } from './inner-readers.ts'
import { settingsFrom } from './named-attack.ts'
import type { MaskOptions, RunOptions } from './options.ts'
import { flagOf } from './values.ts'

const selectionReaders: Readonly<Record<RunOptions['selectOn'], Reader>> = {
  validation: { reads: ['selectEvery', 'validationImages'] },
  test: { reads: ['selectEvery', 'validationImages'] },
  last: { reads: [] },
}

/** @throws ConfigError for settings out of range */
export function innerAttack({ attack, stepSize, steps }: RunOptions, eps: number): InnerAttack | null {
  if (attack === 'none') return null
  const inner = innerAttackCommands[attack]
  return inner.make({ ...settingsFrom(inner, { stepSize, steps }), eps })
}

/** @throws ConfigError for an option that the training would not read */
export function checkTrainingFlags(
  { attack, selectOn, from, reinitClassifier }: RunOptions & Partial<MaskOptions>,
  given: ReadonlySet<string>,
): void {
  checkApplicable(given, '--attack', [attack], innerReaders)
  checkApplicable(given, '--select-on', [selectOn], selectionReaders)
  if (reinitClassifier && from === undefined) {
    throw new ConfigError(
      '--reinit-classifier is for --from only: without it all layers are drawn anew.',
      'reinitClassifier',
    )
  }
  const drawn = ['init', 'weightSeed'].find(option => given.has(option))
  if (drawn === undefined || from === undefined || reinitClassifier) return
  throw new ConfigError(
    `${flagOf(drawn)} draws weights, but with --from they are the model's: leave it out, or draw the last layer by --reinit-classifier.`,
    drawn,
  )
}
