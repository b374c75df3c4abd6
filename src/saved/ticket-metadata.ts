// A ticket's metadata as the strings that a safetensors header holds: text as it is, everything else as JSON.
import { TicketError } from '../errors.ts'
import { type Kind, required } from '../inputs/kinds.ts'
import { describeValue } from '../inputs/options.ts'
import { initialisations } from '../nn/initialisation.ts'
import { patterns } from '../nn/pattern.ts'
import { type TicketMetadata, ticketFormat } from './ticket-data.ts'

interface Field {
  /** Whether the value is stored as it is rather than as JSON. */
  text: boolean
  expected: string
  /** Whether a ticket may lack it. */
  optional?: true
  valid: (value: unknown) => boolean
}

const text = (expected: string, valid: (value: string) => boolean): Field => ({
  text: true,
  expected,
  valid: value => typeof value === 'string' && valid(value),
})
const json = (expected: string, valid: (value: unknown) => boolean): Field => ({
  text: false,
  expected,
  valid,
})

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const isSize = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1
const isSeed = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isNumbers = (value: unknown): value is number[] => Array.isArray(value) && value.every(isNumber)

function isMeasurement(value: unknown): boolean {
  if (!isObject(value)) return false
  const { interval, data, attack, device, version } = value
  return (
    isNumbers(interval) &&
    interval.length === 2 &&
    isObject(data) &&
    areImages(data) &&
    (attack === undefined || (isObject(attack) && isAttack(attack))) &&
    isText(device) &&
    isText(version)
  )
}

const isText = (value: unknown) => typeof value === 'string'

function areImages({ name, images, of, which, fingerprint }: Record<string, unknown>): boolean {
  const ways = ['subsetSeed', 'first', 'heldOutSeed', 'restSeed']
  const isWay = isObject(which) && Object.entries(which).every(([way, n]) => ways.includes(way) && isSeed(n))
  return (
    (name === null || isText(name)) &&
    isSize(images) &&
    (of === undefined || isSize(of)) &&
    (which === 'all' || which === 'part' || (isWay && Object.keys(which).length === 1)) &&
    isText(fingerprint)
  )
}

function isAttack({ name, norm, eps, settings, seed }: Record<string, unknown>): boolean {
  // An unlimited radius is null in JSON.
  const isRadius = eps === null || (isNumber(eps) && eps >= 0)
  return isText(name) && (norm === 'linf' || norm === 'l2') && isRadius && isObject(settings) && isSeed(seed)
}

const fields: Record<keyof TicketMetadata, Field> = {
  format: text(`'${ticketFormat}'`, value => value === ticketFormat),
  arch: text('the name of an architecture', value => value !== ''),
  width: json('a number > 0', value => isNumber(value) && value > 0),
  classes: json('an integer ≥ 2', value => isSize(value) && (value as number) >= 2),
  inChannels: json('an integer ≥ 1', isSize),
  imageSize: json(
    '[height, width] in pixels',
    value => Array.isArray(value) && value.length === 2 && value.every(isSize),
  ),
  init: text(`one of ${initialisations.join(', ')}`, value =>
    (initialisations as readonly string[]).includes(value),
  ),
  weightSeed: json('an integer from 0 to 2^53 − 1', isSeed),
  scoreSeed: json('an integer from 0 to 2^53 − 1', isSeed),
  remainingRatio: json('a number in (0, 1]', value => isNumber(value) && value > 0 && value <= 1),
  pattern: text(`one of ${patterns.join(', ')}`, value => (patterns as readonly string[]).includes(value)),
  dataset: text('the name of a data set', value => value !== ''),
  normalisation: json(
    '{ mean, std } with one finite number a channel and std > 0',
    value =>
      isObject(value) && isNumbers(value.mean) && isNumbers(value.std) && value.std.every(std => std > 0),
  ),
  recipe: json('a JSON object', isObject),
  accuracies: json(
    'an object of numbers in [0, 1]',
    value =>
      isObject(value) && Object.values(value).every(share => isNumber(share) && share >= 0 && share <= 1),
  ),
  measured: {
    ...json('an object that says for each accuracy what it is of', value => {
      return isObject(value) && Object.values(value).every(isMeasurement)
    }),
    optional: true,
  },
  libraryVersion: text('a version', value => value !== ''),
}

/** Of what is noted in the metadata of a ticket: what a file can hold of it counts. */
export const notedRows = {
  accuracies: required(storable(fields.accuracies)),
  measured: storable(fields.measured),
}

function storable({ expected, valid }: Field): Kind {
  return {
    expected,
    accepts(value) {
      try {
        return valid(parse(canonicalJson(value) ?? ''))
      } catch {
        return false
      }
    },
  }
}

/** @throws TicketError when a field has a value that a reader would refuse */
export function encodeMetadata(metadata: TicketMetadata): Record<string, string> {
  const strings: Record<string, string> = {}
  for (const [name, field] of Object.entries(fields) as [keyof TicketMetadata, Field][]) {
    if (field.optional && metadata[name] === undefined) continue
    // What JSON drops (undefined) or changes (NaN) must not pass unseen: the value checked is the one stored.
    const stored = field.text ? metadata[name] : jsonOf(name, field, metadata[name])
    check(name, field, stored, `The ticket`)
    strings[name] = stored as string
  }
  checkChannels(metadata, 'The ticket')
  return strings
}

/** @throws TicketError for what JSON has no text for, such as a BigInt */
function jsonOf(name: string, field: Field, value: unknown): string | undefined {
  try {
    return canonicalJson(value)
  } catch (cause) {
    throw new TicketError(
      `The ticket: metadata field ${name} must be ${field.expected} but is ${describeValue(value)}, which JSON cannot hold (${(cause as Error).message}).`,
      name,
      { cause },
    )
  }
}

/** @throws TicketError naming the first field that is missing or wrong */
export function decodeMetadata(strings: Readonly<Record<string, string>>, file: string): TicketMetadata {
  const values: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    if (field.optional && strings[name] === undefined) continue
    values[name] = check(name, field, strings[name], file)
  }
  const metadata = values as unknown as TicketMetadata
  checkChannels(metadata, file)
  return metadata
}

function check(name: string, field: Field, stored: unknown, owner: string): unknown {
  if (stored === undefined) {
    const hint = name === 'format' ? ': this is not a ticket of rst-native' : ''
    throw new TicketError(
      `${owner}: metadata field ${name} is missing, expected ${field.expected}${hint}.`,
      name,
    )
  }
  const value = field.text ? stored : parse(stored as string)
  if (!field.valid(value)) {
    const newer = name === 'format' && /^rst-ticket\/\d+$/.test(String(stored))
    const hint = newer ? ': it needs another version of rst-native' : ''
    throw new TicketError(
      `${owner}: metadata field ${name} must be ${field.expected} but is ${shorten(String(stored))}${hint}.`,
      name,
    )
  }
  return value
}

function checkChannels({ inChannels, normalisation }: TicketMetadata, owner: string): void {
  const { mean, std } = normalisation
  if (mean.length !== inChannels || std.length !== inChannels) {
    throw new TicketError(
      `${owner}: metadata field normalisation must have ${inChannels} means and deviations, one an input channel, but has ${mean.length} and ${std.length}.`,
      'normalisation',
    )
  }
}

/** JSON with sorted keys, so that equal values give equal text. */
export function canonicalJson(value: unknown): string | undefined {
  return JSON.stringify(value, (_, item) =>
    isObject(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  )
}

function parse(stored: string): unknown {
  try {
    return JSON.parse(stored)
  } catch {
    return undefined
  }
}

function shorten(value: string): string {
  return value.length > 80 ? `${value.slice(0, 80)}…` : value
}
