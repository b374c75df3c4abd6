// JSON schemas of options agree with the rows that they are made from.
import { describe, expect, it } from 'vitest'
import { attackRows } from '../../src/attacks/table.ts'
import { count, type JsonSchema, oneOf } from '../../src/inputs/kinds.ts'
import { computed, option, optionalOption, requiredOption } from '../../src/inputs/rows.ts'
import { optionSchema } from '../../src/inputs/schema.ts'
import { adversaryRows } from '../../src/r2s/adversary-table.ts'
import { finetuneRows } from '../../src/training/finetune.ts'
import { searchRows } from '../../src/training/option-rows.ts'
import { boundsOf } from './bounds.ts'

const typeOf = (value: unknown) =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : (typeof value as JsonSchema['type'])

/** Whether a value of JSON fits a schema, as far as ours go. */
function fits(schema: JsonSchema, value: unknown): boolean {
  if (schema.anyOf && !schema.anyOf.some(one => fits(one, value))) return false
  const { type } = schema
  if (type === 'integer' ? !Number.isInteger(value) : type !== undefined && type !== typeOf(value))
    return false
  if (schema.enum && !(schema.enum as readonly unknown[]).includes(value)) return false
  if (typeof value === 'string') return value.length >= (schema.minLength ?? 0)
  if (typeof value === 'number') {
    return (
      value >= (schema.minimum ?? value) &&
      value <= (schema.maximum ?? value) &&
      value > (schema.exclusiveMinimum ?? Number.NEGATIVE_INFINITY) &&
      value < (schema.exclusiveMaximum ?? Number.POSITIVE_INFINITY)
    )
  }
  if (Array.isArray(value)) return value.every(item => fits(schema.items ?? {}, item))
  if (typeof value !== 'object' || value === null) return true
  const { properties = {}, required = [], additionalProperties } = schema
  return (
    required.every(name => Object.hasOwn(value, name)) &&
    Object.entries(value).every(([name, item]) =>
      Object.hasOwn(properties, name) ? fits(properties[name], item) : additionalProperties !== false,
    )
  )
}

const values: unknown[] = [
  ...[null, true, false, '', 'ce', 'linf', 'row', '3', [], [1], {}, { kind: 'linear' }],
  ...[-1, -0.5, 0, 1e-9, 0.5, 0.999, 1, 1.5, 2, 3, 64, 65, 1024, 1025, 65536, 1e6, 2e6, 2 ** 53, 1e300],
]

const tables = [...attackRows, ...adversaryRows].map(({ name, options }) => ({ name, options }))
tables.push({ name: 'searchRST', options: searchRows }, { name: 'finetune', options: finetuneRows })

describe.each(tables)('the schema of $name', ({ options }) => {
  const schema = optionSchema(options)

  it('accepts of each option the values that its row accepts, and no others', () => {
    for (const [name, row] of Object.entries(options)) {
      if (row.schema === undefined || name === 'schedule') continue
      for (const value of [...values, ...boundsOf(row)]) {
        expect(fits(schema.properties![name], value), `${name} ${JSON.stringify(value)}`).toBe(
          row.accepts(value),
        )
      }
    }
  })

  it('demands what the rows demand, knows nothing else, and says what each option is', () => {
    const json = JSON.parse(JSON.stringify(schema))
    expect(json).toEqual(schema)
    expect(fits(json, {})).toBe(json.required.length === 0)
    expect(fits(json, { unknown: 1 })).toBe(false)
    for (const property of Object.values(schema.properties!)) expect(property.description).toMatch(/^\S/)
  })
})

it('options without a value in JSON are left out, and defaults are told', () => {
  const rows = {
    loss: option(oneOf(['ce', 'dlr']), 'ce', 'what is maximised'),
    steps: requiredOption(count(1, 9), 'steps'),
    size: option(
      count(),
      computed('2·steps', ({ steps }: { steps: number }) => 2 * steps),
      'size',
    ),
    images: optionalOption(count(), 'images', { otherwise: 'all' }),
    model: optionalOption({ expected: 'a model', accepts: () => true }, 'model'),
  }
  const whole = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }
  expect(optionSchema(rows)).toEqual({
    type: 'object',
    properties: {
      loss: { type: 'string', enum: ['ce', 'dlr'], description: 'what is maximised', default: 'ce' },
      steps: { type: 'integer', minimum: 1, maximum: 9, description: 'steps' },
      size: { ...whole, description: 'size (default: 2·steps)' },
      images: { ...whole, description: 'images (default: all)' },
    },
    required: ['steps'],
    additionalProperties: false,
  })
})

it('a schedule is one of its kinds', () => {
  const { schedule } = optionSchema(searchRows).properties!
  expect(fits(schedule, { kind: 'cosine', warmupEpochs: 2 })).toBe(true)
  expect(fits(schedule, { kind: 'step', milestones: [0.5], gamma: 0.2 })).toBe(true)
  for (const wrong of [
    {},
    { kind: 'linear' },
    { kind: 'cosine', gamma: 1 },
    { kind: 'step', milestones: [1] },
  ]) {
    expect(fits(schedule, wrong), JSON.stringify(wrong)).toBe(false)
  }
})
