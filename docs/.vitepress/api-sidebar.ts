// The navigation of the API, from the tree that TypeDoc wrote.
import { existsSync, readFileSync } from 'node:fs'

interface Node {
  readonly title: string
  readonly path?: string
  readonly children?: readonly Node[]
}
export interface Item {
  text: string
  link?: string
  collapsed?: boolean
  items?: Item[]
}

/** What can be called, and the namespaces with theirs. Types are met where they are used, and listed on the first page. */
export function apiSidebar(file: URL): Item[] {
  if (!existsSync(file)) throw new Error(`${file.pathname} is missing: typedoc writes it.`)
  const groups = JSON.parse(readFileSync(file, 'utf8')) as Node[]
  return [
    { text: 'Overview', link: '/api/' },
    { text: 'Functions', items: among(groups, 'Functions', 'Variables').map(leaf) },
    { text: 'Classes', items: among(groups, 'Classes').map(leaf) },
    ...among(groups, 'Namespaces').map(space => ({
      ...leaf(space),
      collapsed: true,
      items: among(space.children ?? [], 'Functions', 'Variables', 'Classes').map(leaf),
    })),
  ]
}

const among = (groups: readonly Node[], ...titles: string[]): Node[] =>
  groups
    .filter(({ title }) => titles.includes(title))
    .flatMap(({ children = [] }) => children)
    .sort((a, b) => a.title.localeCompare(b.title, 'en'))

const leaf = ({ title, path = '' }: Node): Item => ({ text: title, link: `/api/${path}` })
