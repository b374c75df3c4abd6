// Whether what is to attack a model is an attack.
import type { Attack } from '../attacks/frame/attack.ts'
import type { Kind } from '../inputs/kinds.ts'
import { describeValue } from '../inputs/options.ts'

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
