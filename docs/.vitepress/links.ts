// The same Markdown is read at the code host and on the site: where its links lead on the site.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'

/** Pages of the site by the files that they come from, where those lie above docs/. */
export const pagesAbove: Readonly<Record<string, string>> = {
  'ARCHITECTURE.md': 'architecture.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security.md',
  'bench/README.md': 'benchmarks.md',
}

/** The path on the site of a file of the repository; undefined where it is no page. */
export function pageOf(file: string): string | undefined {
  if (file === 'README.md') return 'index.md'
  if (file in pagesAbove) return pagesAbove[file]
  return /^docs\/.*\.md$/.test(file) ? file.slice('docs/'.length) : undefined
}

/** The identifier that the code host gives a heading. */
export const headingId = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')

/**
 * Where a link leads on the site: to a page by its path there, to any other file at the code host.
 * @param file that holds the link, as a path in the repository
 * @param codeHost address of the repository's files, to which a path is added
 * @throws Error where there is no such file
 */
export function siteLink(link: string, file: string, root: string, codeHost: string): string {
  if (/^([a-z][a-z+.-]*:|#|\/)/i.test(link)) return link
  const [path, anchor] = link.split('#')
  const target = normalize(join(dirname(file), decodeURI(path)))
  if (target.startsWith('..') || !existsSync(join(root, target))) {
    throw new Error(`${file} links to ${link}, but the repository has no ${target}.`)
  }
  const page = pageOf(target)
  const end = anchor === undefined ? '' : `#${anchor}`
  return page === undefined ? `${codeHost}/${target}${end}` : `/${page}${end}`
}

/** Links of built pages to pages and headings that there are not, each as a sentence. */
export function deadLinks(site: string, base: string): string[] {
  const files = readdirSync(site, { recursive: true, encoding: 'utf8' }).map(file =>
    file.replaceAll('\\', '/'),
  )
  const html = new Map(
    files.filter(file => file.endsWith('.html')).map(file => [file, readFileSync(join(site, file), 'utf8')]),
  )
  const ids = new Map([...html].map(([file, text]) => [file, new Set(all(text, / id="([^"]*)"/g))]))
  const dead = new Set<string>()
  for (const [file, text] of html) {
    for (const link of all(text, /<a [^>]*?href="([^"]*)"/g)) {
      if (/^[a-z][a-z+.-]*:/i.test(link)) continue
      const [path, anchor = ''] = link.split('#')
      const absolute = path.startsWith(base) ? path.slice(base.length) : join(dirname(file), path)
      const named = path === '' ? file : absolute
      const target = /(^|\/)$/.test(named) ? `${named}index.html` : named
      const known = ids.get(target)
      if (known === undefined) {
        if (!files.includes(target)) dead.add(`${file} links to ${link}, but there is no such page.`)
      } else if (anchor !== '' && !known.has(decodeURIComponent(anchor))) {
        dead.add(`${file} links to ${link}, but ${target} has no such heading.`)
      }
    }
  }
  return [...dead]
}

const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found]) => found)
