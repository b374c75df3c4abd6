// The examples in the comments of the source.
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

export interface DocExample {
  /** File and line of its tag. */
  readonly place: string
  readonly code: string
  /** Not in a fence marked `ts no-run`, as those are that take long or need data. */
  readonly runs: boolean
}

/** Of every `@example` in src/, also of those that users cannot name. */
export function docExamples(): DocExample[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .sort()
    .flatMap(name => examplesIn(join('src', name), readFileSync(join(root, 'src', name), 'utf8')))
}

/** @param file its name, for the places */
export function examplesIn(file: string, text: string): DocExample[] {
  return [...text.matchAll(/\/\*\*(?:(?!\*\/).)*@example(?:(?!\*\/).)*\*\//gs)].flatMap(
    ({ 0: comment, index }) => {
      const first = text.slice(0, index).split('\n').length
      const lines = comment
        .slice(3, -2)
        .split('\n')
        .map(line => line.replace(/^\s*\* ?/, ''))
      return lines.flatMap((line, from) => {
        if (!/^\s*@example\b/.test(line)) return []
        const to = lines.findIndex((other, i) => i > from && /^@\w/.test(other))
        const body = [line.replace(/^\s*@example ?/, ''), ...lines.slice(from + 1, to < 0 ? undefined : to)]
        return [exampleOf(`${file}:${first + from}`, body.join('\n').trim())]
      })
    },
  )
}

function exampleOf(place: string, text: string): DocExample {
  const [, language, code] = /^```(.*?)\n(.*)\n```$/s.exec(text) ?? [undefined, 'ts', text]
  return { place, code, runs: language === 'ts' }
}

/** Where a program has an example: a file for each, beside the source, each a module. */
export function pathOf({ place }: DocExample): string {
  return join(root, `${place.replaceAll(/[/:]/g, '-')}.example.ts`)
}
