// After the compiler: puts the sentences of the option tables as comments above the options in dist/**/*.d.ts, so that
// editors show them. In the source they stand once, in the rows.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * @param {string} declarations text of a declaration file
 * @param {Record<string, unknown>} module what the compiled module exports: its tables of rows
 * @param {(row: object) => string} defaultText
 * @returns {string} the same with a comment above each row that has none
 */
export function documented(declarations, module, defaultText) {
  let rows
  let group
  let above = ''
  const lines = declarations.split('\n').flatMap(line => {
    const [, table] = /^export declare const (\w+Rows): \{$/.exec(line) ?? []
    if (table !== undefined) rows = module[table]
    if (line === '};') rows = undefined
    const [, indent, option] = /^( {4}| {8})(\w+): /.exec(line) ?? []
    // A table may hold tables, one a kind of what it describes.
    if (indent?.length === 4) group = undefined
    const of = indent?.length === 8 ? group : rows
    const row = of && option !== undefined && Object.hasOwn(of, option) ? of[option] : undefined
    if (indent?.length === 4 && line.endsWith('{') && row?.help === undefined) group = row
    const comment = row?.help !== undefined && !above.endsWith('*/') ? [`${indent}/** ${sentences(row, defaultText)} */`] : []
    above = line
    return [...comment, line]
  })
  return lines.join('\n')
}

function sentences(row, defaultText) {
  const text = row.required ? '' : defaultText(row)
  const parts = [row.help[0].toUpperCase() + row.help.slice(1), row.more?.replace(/\.$/, ''), text && `Default: ${text}`]
  return `${parts.filter(Boolean).join('. ')}.`.replaceAll('*/', '*')
}

async function main() {
  const dist = resolve(fileURLToPath(import.meta.url), '../../dist')
  const { defaultText } = await import(pathToFileURL(join(dist, 'inputs/rows.js')).href)
  for (const entry of await readdir(dist, { recursive: true })) {
    if (!entry.endsWith('.d.ts')) continue
    const path = join(dist, entry)
    const declarations = await readFile(path, 'utf8')
    if (!/^export declare const \w+Rows: \{$/m.test(declarations)) continue
    const module = await import(pathToFileURL(path.replace(/\.d\.ts$/, '.js')).href)
    await writeFile(path, documented(declarations, module, defaultText))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
