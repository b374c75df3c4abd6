// JSON schemas of options: what recipes and other files may hold.
import type { JsonSchema } from './kinds.ts'
import { Computed, defaultText, type Rows } from './rows.ts'

/** Of an object of the options that have a value in JSON: no functions, models or signals. */
export function optionSchema(rows: Rows): JsonSchema {
  const shown = Object.entries(rows).filter(([, { schema }]) => schema !== undefined)
  return {
    type: 'object',
    properties: Object.fromEntries(
      shown.map(([name, row]) => {
        const { help, schema, default: value } = row
        const constant = value !== undefined && !(value instanceof Computed)
        const note = constant || defaultText(row) === '' ? '' : ` (default: ${defaultText(row)})`
        return [name, { ...schema, description: `${help}${note}`, ...(constant && { default: value }) }]
      }),
    ),
    required: shown.filter(([, { required }]) => required).map(([name]) => name),
    additionalProperties: false,
  }
}
