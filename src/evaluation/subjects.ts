// Whether what is evaluated is a model, and what attacks it an attack.
import type { Attack } from '../attacks/attack.ts'
import type { Classifier } from '../attacks/classifier.ts'
import { ConfigError } from '../errors.ts'
import type { Kind } from '../inputs/kinds.ts'
import { describeValue } from '../inputs/options.ts'

/**
 * @param option named in errors
 * @throws ConfigError
 */
export function checkClassifier(model: unknown, option = 'model'): asserts model is Classifier {
  const wrong = (message: string) => new ConfigError(message, option)
  if (typeof model !== 'object' || model === null || typeof (model as Classifier).logits !== 'function') {
    throw wrong(
      `Expected a model { numClasses, inputShape, logits(x) }, as loadTicket gives, for ${option} but received ${describeValue(model)}.`,
    )
  }
  const { numClasses, inputShape } = model as Classifier
  if (!Number.isSafeInteger(numClasses) || numClasses < 2) {
    throw wrong(
      `Expected a model of at least 2 classes but ${option}.numClasses is ${describeValue(numClasses)}: with one class every answer is right.`,
    )
  }
  const isShape =
    Array.isArray(inputShape) &&
    inputShape.length === 3 &&
    inputShape.every(d => Number.isSafeInteger(d) && d > 0)
  if (!isShape) {
    throw wrong(
      `Expected [channels, height, width] for ${option}.inputShape but it is ${Array.isArray(inputShape) ? `[${inputShape.join(', ')}]` : describeValue(inputShape)}.`,
    )
  }
}

function isAttack(value: unknown): value is Attack {
  if (typeof value !== 'object' || value === null) return false
  const { name, eps, norm, run } = value as Partial<Record<keyof Attack, unknown>>
  return (
    typeof name === 'string' &&
    typeof eps === 'number' &&
    eps >= 0 &&
    (norm === 'linf' || norm === 'l2') &&
    typeof run === 'function'
  )
}

/** What is wrong with a value that is no attack, as the end of a sentence. */
function noAttack(value: unknown): string {
  if (typeof value === 'function') return '; call it: attacks.pgd({ eps: 8 / 255 })'
  if (typeof value === 'string') return '; attacks are values: attacks.pgd({ eps: 8 / 255 })'
  const inner = typeof value === 'object' && value !== null && 'session' in value
  return inner
    ? '; that one only trains'
    : '; an attack has name, eps, norm and run, as attacks.pgd({ eps: 8 / 255 }) gives'
}

export const attackKind: Kind = {
  expected: 'an attack',
  accepts: isAttack,
  hint: value => `${noAttack(value)}.`,
}

export const attacksKind: Kind = {
  expected: 'an array of attacks',
  accepts: value => Array.isArray(value) && value.every(isAttack),
  hint(value) {
    if (isAttack(value)) return '; put it into an array: attacks: [attack].'
    if (!Array.isArray(value)) return `${noAttack(value)}, in an array.`
    const i = value.findIndex(one => !isAttack(one))
    return ` whose element ${i} is ${describeValue(value[i])}${noAttack(value[i])}.`
  },
}
