// The Markdown that users read, its fenced blocks and its links.
import { readdirSync, readFileSync } from 'node:fs'

const below = (folder: string) =>
  readdirSync(folder)
    .filter(name => name.endsWith('.md'))
    .map(name => `${folder}/${name}`)

/** Paths in the repository. */
export const markdownFiles: readonly string[] = [
  ...below('.').map(path => path.slice(2)),
  ...below('docs'),
  ...below('docs/guides'),
  'bench/README.md',
]

export const markdown = (file: string): string => readFileSync(file, 'utf8')

const fences = /^```(\w*)\n(.*?)^```$/gms

/** The fenced blocks of one language. */
export const blocks = (file: string, language: string): string[] =>
  [...markdown(file).matchAll(fences)].filter(([, of]) => of === language).map(([, , text]) => text)

/** What is written around the code. */
export const prose = (file: string): string => markdown(file).replace(fences, '')

export const linksOf = (file: string): string[] =>
  [
    ...prose(file)
      .replace(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, link]) => link)
