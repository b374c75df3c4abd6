// What the documentation says of options, from their rows.
import type { AttackRow } from '../../src/attacks/frame/attack-row.ts'
import { attackRows } from '../../src/attacks/table.ts'
import type { JsonSchema } from '../../src/inputs/kinds.ts'
import { kebabCase } from '../../src/inputs/names.ts'
import { defaultText, type Row, type Rows } from '../../src/inputs/rows.ts'
import { optionSchema } from '../../src/inputs/schema.ts'
import { adversaryRows } from '../../src/r2s/adversary-table.ts'
import { denseRows } from '../../src/training/dense.ts'
import { finetuneRows } from '../../src/training/finetune.ts'
import { searchRows, trainingRows } from '../../src/training/option-rows.ts'
import { scheduleRows } from '../../src/training/schedule.ts'

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

const code = (text: string) => `\`${text}\``

function rangeOf({ expected, schema }: Row): string {
  if (schema?.enum) return schema.enum.map(word => code(`'${word}'`)).join(', ')
  return expected.replace(/,$/, '')
}

function defaultOf(row: Row): string {
  if (row.required) return 'required'
  const { default: value } = row
  const text = defaultText(row)
  if (text === '') return 'none'
  if (typeof value === 'string') return code(`'${value}'`)
  return typeof value === 'object' || value === undefined ? text : code(text)
}

/** One line an option. */
function optionTable(rows: Rows): string {
  return table(
    ['option', 'is', 'takes', 'default'],
    Object.entries(rows).map(([name, row]) => {
      const about = [row.help, ...(row.more === undefined ? [] : [row.more])].join('. ')
      return [code(name), about.replaceAll('|', '\\|'), rangeOf(row), defaultOf(row)]
    }),
  )
}

/** Names on the command line, with the options that they set. */
function commandNames({ commands, training, name }: AttackRow): string {
  const names = Object.entries(commands).map(([command, sets]) => {
    const set = Object.entries(sets).map(([option, value]) => `${option}: ${JSON.stringify(value)}`)
    return set.length === 0 ? code(command) : `${code(command)} (${set.join(', ')})`
  })
  return names.length > 0 ? names.join(', ') : training ? `${code(kebabCase(name))} (training only)` : ''
}

/** The attacks and adversaries with all their names. */
function nameTables(): string {
  const rows = (of: readonly AttackRow[], space: string) =>
    of.map(row => [code(`${space}.${row.name}`), commandNames(row), row.title, row.paper])
  return [
    table(['attack', '`--attack`', 'is', 'from'], rows(attackRows, 'attacks')),
    '',
    table(['adversary of a switch', '`--adversary`', 'is', 'from'], rows(adversaryRows, 'adversaries')),
  ].join('\n')
}

const others = (rows: Rows) =>
  Object.fromEntries(Object.entries(rows).filter(([name]) => !(name in trainingRows)))

/** The whole reference. */
export function optionReference(): string {
  const attack = (space: string) => (row: AttackRow) => [
    `### ${space}.${row.name}`,
    `${row.title}: ${row.paper}. Command line: ${commandNames(row)}.`,
    optionTable(row.options),
  ]
  return `${[
    '# Options',
    'Every option of the attacks, the adversaries of a switch and the trainings. `npm run docs` writes this page from the tables of the source, from which the checks, the defaults and the flags of `rst` come as well. [options.schema.json](options.schema.json) says the same as JSON Schema.',
    '## Names',
    nameTables(),
    '## Attacks',
    ...attackRows.flatMap(attack('attacks')),
    '## Adversaries of a switch',
    ...adversaryRows.flatMap(attack('adversaries')),
    '## Training',
    'Shared by `searchRST`, `randomTicket`, `trainDense` and `finetune`, which takes architecture, width and device from its ticket:',
    optionTable(trainingRows),
    '`searchRST` and `randomTicket` also:',
    optionTable(others(searchRows)),
    '`trainDense` also:',
    optionTable(others(denseRows)),
    '`finetune` also:',
    optionTable(others(finetuneRows)),
    ...Object.entries(scheduleRows).flatMap(([kind, rows]) => [
      `The schedule \`{ kind: '${kind}' }\`:`,
      optionTable(rows),
    ]),
  ].join('\n\n')}\n`
}

/** The same as JSON Schema. */
export function optionSchemas(): JsonSchema & { readonly $schema: string } {
  const of = (rows: readonly AttackRow[]): JsonSchema => ({
    properties: Object.fromEntries(rows.map(({ name, options }) => [name, optionSchema(options)])),
  })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    properties: {
      attacks: of(attackRows),
      adversaries: of(adversaryRows),
      searchRST: optionSchema(searchRows),
      trainDense: optionSchema(denseRows),
      finetune: optionSchema(finetuneRows),
    },
  }
}
