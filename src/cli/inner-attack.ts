// The attack to train against by the name and options of the command line, and what else a training would not read.
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
import * as attacks from '../attacks/index.ts'
import { ConfigError } from '../errors.ts'
import { checkApplicable, type Reader } from './applicable.ts'
import type { innerAttackNames, MaskOptions, RunOptions } from './options.ts'
import { flagOf } from './values.ts'

interface InnerRow extends Reader {
  readonly reads: readonly ('eps' | 'stepSize' | 'steps')[]
  readonly make: (settings: { eps: number; stepSize?: number; steps?: number }) => InnerAttack | null
}

export const innerAttackRows: Readonly<Record<(typeof innerAttackNames)[number], InnerRow>> = {
  pgd: {
    reads: ['eps', 'stepSize', 'steps'],
    make: ({ eps, stepSize, steps = 7 }) => attacks.pgd({ eps, stepSize, steps }),
  },
  fgsm: { reads: ['eps', 'stepSize'], make: ({ eps, stepSize }) => attacks.fgsm({ eps, stepSize }) },
  'fgsm-rs': {
    reads: ['eps', 'stepSize'],
    make: ({ eps, stepSize }) => attacks.fgsmRs({ eps, stepSize }),
  },
  free: {
    reads: ['eps', 'stepSize', 'steps'],
    make: ({ eps, stepSize, steps }) => attacks.free({ eps, stepSize, replays: steps }),
  },
  none: {
    reads: [],
    notes: { eps: 'leave it out, or give the closing evaluation its own by --eval-eps' },
    make: () => null,
  },
}

const selectionReaders: Readonly<Record<RunOptions['selectOn'], Reader>> = {
  validation: { reads: ['selectEvery', 'validationImages'] },
  test: { reads: ['selectEvery', 'validationImages'] },
  last: { reads: [] },
}

export function innerAttack({ attack, ...options }: RunOptions, eps: number) {
  return innerAttackRows[attack].make({ ...options, eps })
}

/** @throws ConfigError for an option that the training would not read */
export function checkTrainingFlags(
  { attack, selectOn, from, reinitClassifier }: RunOptions & Partial<MaskOptions>,
  given: ReadonlySet<string>,
): void {
  checkApplicable(given, '--attack', [attack], innerAttackRows)
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
