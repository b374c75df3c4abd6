// Links of all documents lead to files of the repository and to headings that are there, on the code host as on the site.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deadLinks, headingId, pageOf, pagesAbove, siteLink } from '../../docs/.vitepress/links.ts'
import { linksOf, markdown, markdownFiles, prose } from './markdown-files.ts'

const root = process.cwd()

/** As the code host numbers headings of the same text. */
function headingIds(file: string): Set<string> {
  const ids = new Set<string>()
  for (const [, heading] of prose(file).matchAll(/^#+ (.+)$/gm)) {
    const id = headingId(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'))
    let numbered = id
    for (let n = 1; ids.has(numbered); n++) numbered = `${id}-${n}`
    ids.add(numbered)
  }
  return ids
}

describe.each(markdownFiles)('%s', file => {
  it('links to files and headings that there are', () => {
    for (const link of linksOf(file)) {
      expect(() => siteLink(link, file, root, 'host')).not.toThrow()
      const [path, anchor] = link.split('#')
      if (/^[a-z]+:/.test(link) || anchor === undefined) continue
      const target = path === '' ? file : normalize(join(dirname(file), path))
      expect([...headingIds(target)], `${link} in ${file}`).toContain(anchor)
    }
  })

  it('is a page of the site, or the README', () => {
    expect(pageOf(file) ?? file).not.toBe('')
    if (!file.startsWith('docs/')) expect(['README.md', ...Object.keys(pagesAbove)]).toContain(file)
    expect(markdown(file)).toMatch(/^(---|#)/)
  })
})

describe('a link on the site', () => {
  const links = [
    ['options.md#training', 'docs/results.md', '/options.md#training'],
    ['../options.md', 'docs/guides/install.md', '/options.md'],
    ['../SECURITY.md', 'docs/results.md', '/security.md'],
    ['docs/options.md', 'README.md', '/options.md'],
    ['../README.md', 'docs/results.md', '/index.md'],
    ['../examples/search.ts', 'docs/results.md', 'host/examples/search.ts'],
    ['../examples', 'docs/results.md', 'host/examples'],
    ['#here', 'docs/results.md', '#here'],
    ['https://nodejs.org/', 'docs/results.md', 'https://nodejs.org/'],
  ]
  it.each(links)('%s of %s leads to %s', (link, file, expected) => {
    expect(siteLink(link, file, root, 'host')).toBe(expected)
  })

  it('to no file is an error that names both', () => {
    expect(() => siteLink('gone.md', 'docs/results.md', root, 'host')).toThrow(
      'docs/results.md links to gone.md, but the repository has no docs/gone.md.',
    )
    expect(() => siteLink('../../outside', 'docs/results.md', root, 'host')).toThrow('the repository has no')
  })
})

describe('a built site', () => {
  let site: string
  beforeAll(async () => {
    site = await mkdtemp(join(tmpdir(), 'rst-site-'))
    await mkdir(join(site, 'guides'))
    await writeFile(
      join(site, 'index.html'),
      '<h1 id="top">a</h1><a class="x" href="/base/guides/b.html#b">b</a>',
    )
    await writeFile(
      join(site, 'guides/b.html'),
      '<h2 id="b">b</h2><a href="/base/">a</a><a href="#b">b</a><a href="/base/#gone">c</a>' +
        '<a href="gone.html">d</a><a href="https://nodejs.org/#x">e</a>',
    )
  })
  afterAll(() => rm(site, { recursive: true }))

  it('has its dead links named', () => {
    expect(deadLinks(site, '/base/')).toEqual([
      'guides/b.html links to /base/#gone, but index.html has no such heading.',
      'guides/b.html links to gone.html, but there is no such page.',
    ])
  })
})
