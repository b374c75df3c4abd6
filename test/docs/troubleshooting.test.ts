// Every code of an error and of a warning has its entry in the guide, and every entry a code.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { markdown } from './markdown-files.ts'

const guide = markdown('docs/guides/troubleshooting.md')
const [, errors, warnings] = guide.split(/^## (?:Errors|Warnings)$/m)
const entries = (section: string) =>
  [...section.split(/^## /m)[0].matchAll(/^### (\S+)$/gm)].map(([, code]) => code)

const sources = ['src', 'native/runtime']
  .flatMap(folder =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => `${folder}/${name}`),
  )
  .filter(path => /\.(ts|cc|h)$/.test(path))
  .map(path => readFileSync(path, 'utf8'))

describe('the guide to troubleshooting', () => {
  it('has an entry for each error, with its class', () => {
    const text = readFileSync('src/errors.ts', 'utf8')
    const classes = text.split(/^export class /m).slice(1)
    const codes = classes.flatMap(body => {
      const [, code] = /super\('([A-Z_]+)'/.exec(body) ?? []
      return code === undefined ? [] : [{ name: /^\w+/.exec(body)![0], code }]
    })
    expect(codes.length).toBe(classes.length - 1)
    expect(entries(errors).sort()).toEqual(codes.map(({ code }) => code).sort())
    for (const { name, code } of codes) expect(errors).toContain(`### ${code}\n\n\`${name}\`: `)
  })

  it('has an entry for each warning, and so has the table of Trust a number', () => {
    const codes = new Set(
      sources.flatMap(text =>
        [...text.matchAll(/(?:\bcode: |\bwarn\(\s*)'([a-z-]+)'/g)].map(([, code]) => code),
      ),
    )
    expect(codes.size).toBeGreaterThanOrEqual(15)
    expect(entries(warnings).sort()).toEqual([...codes].sort())
    const table = markdown('docs/guides/trust-a-number.md').split('## Warnings')[1].split('\n## ')[0]
    for (const code of codes) expect(table).toContain(`\`${code}\``)
  })

  it('quotes sentences that there are', () => {
    const quoted = [...errors.replaceAll('\n', ' ').matchAll(/\*([^*]+)\*/g)].map(([, sentence]) => sentence)
    expect(quoted.length).toBeGreaterThan(25)
    const isSaid = (sentence: string) => {
      // What stands for a value: … in prose, […] for a shape.
      const parts = sentence.split(/ ?\[?…\]?[,:]? ?/).filter(part => part !== '')
      return sources.some(text => parts.every(part => text.includes(part)))
    }
    expect(quoted.filter(sentence => !isSaid(sentence))).toEqual([])
  })
})
