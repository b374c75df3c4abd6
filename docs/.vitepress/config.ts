// The documentation site: docs/, files above it, and the API, which TypeDoc writes to docs/api before.
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, relative } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { apiSidebar } from './api-sidebar.ts'
import { deadLinks, headingId, pageOf, pagesAbove, siteLink } from './links.ts'

const docs = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
const root = dirname(docs)
const { description, repository, version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
const codeHost = `${repository.url.replace(/^git\+|\.git$/g, '')}`

/** A page of the navigation by its file, so that a file that is gone fails the build. */
const page = (text: string, file: string) => ({ text, link: siteLink(file, '', root, '') })

const sidebar = [
  {
    text: 'Begin',
    items: [
      page('What it is', 'docs/index.md'),
      page('Install', 'docs/guides/install.md'),
      page('Search your first ticket', 'docs/guides/first-ticket.md'),
      page('The command line', 'docs/guides/command-line.md'),
    ],
  },
  {
    text: 'Guides',
    items: [
      page('Attack your own model', 'docs/guides/attack-your-model.md'),
      page('Trust a number', 'docs/guides/trust-a-number.md'),
      page('Serve', 'docs/guides/serve.md'),
      page('From PyTorch, foolbox, AutoAttack', 'docs/guides/from-pytorch.md'),
      page('Troubleshooting', 'docs/guides/troubleshooting.md'),
    ],
  },
  {
    text: 'Reference',
    items: [
      page('Options', 'docs/options.md'),
      { text: 'API', link: '/api/' },
      page('Ticket file', 'docs/ticket-format.md'),
      page('Results', 'docs/results.md'),
      page('Performance', 'docs/performance.md'),
      page('Security', 'SECURITY.md'),
      page('Changes', 'CHANGELOG.md'),
    ],
  },
  {
    text: 'Carry on',
    items: [
      page('Architecture', 'ARCHITECTURE.md'),
      page('Contributing', 'CONTRIBUTING.md'),
      page('Debugging', 'docs/debugging.md'),
      page('Writing a backend', 'docs/backends.md'),
      page('Benchmarks', 'bench/README.md'),
    ],
  },
]

// What vitepress reads has to lie in docs/.
mkdirSync(`${docs}/above`, { recursive: true })
for (const [file, page] of Object.entries(pagesAbove))
  copyFileSync(`${root}/${file}`, `${docs}/above/${page}`)
const sourceOf = (path: string) => {
  const copied = Object.entries(pagesAbove).find(([, page]) => path === `docs/above/${page}`)
  return copied?.[0] ?? path
}

export default defineConfig({
  title: 'rst-native',
  description,
  lang: 'en-GB',
  rewrites: { 'above/:page': ':page' },
  metaChunk: true,
  markdown: {
    anchor: { slugify: headingId },
    config(md) {
      // Cells of sentences, which style.css gives room.
      md.core.ruler.push('sentences', ({ tokens }) => {
        for (const [i, { type, content }] of tokens.entries()) {
          const cell = tokens[i - 1]
          if (type === 'inline' && cell?.type === 'td_open' && content.length > 60)
            cell.attrJoin('class', 'sentences')
        }
      })
      // Before vitepress looks at them.
      md.core.ruler.push('site-links', state => {
        // Titles alone come without a file.
        if (state.env.path === undefined) return
        const file = sourceOf(relative(root, state.env.realPath ?? state.env.path))
        for (const { children } of state.tokens) {
          for (const token of children ?? []) {
            const link = token.type === 'link_open' && token.attrGet('href')
            if (link) token.attrSet('href', siteLink(link, file, root, `${codeHost}/blob/main`))
          }
        }
      })
    },
  },
  themeConfig: {
    nav: [
      page('Guides', 'docs/guides/first-ticket.md'),
      page('Options', 'docs/options.md'),
      { text: 'API', link: '/api/' },
      { text: 'Code', link: codeHost },
      { text: version, link: `/${pageOf('CHANGELOG.md')}` },
    ],
    sidebar: { '/': sidebar, '/api/': apiSidebar(new URL('../api/navigation.json', import.meta.url)) },
    outline: { level: [2, 3] },
    search: {
      provider: 'local',
      options: {
        // Guides before the API.
        miniSearch: {
          searchOptions: { boostDocument: (page: string) => (page.includes('/api/') ? 1 : 4) },
        },
        // Of the API its names and what is said of them, without the headings that every page has.
        _render(text, env, md) {
          const isApi = env.relativePath.startsWith('api/')
          return md.render(isApi ? text.replace(/^#{4,} .*$/gm, '') : text, env)
        },
      },
    },
  },
  transformHead: ({ siteConfig }) => [['link', { rel: 'icon', href: `${siteConfig.site.base}icon.svg` }]],
  buildEnd({ outDir, site }) {
    const dead = deadLinks(outDir, site.base)
    if (dead.length > 0) throw new Error(`Dead links:\n${dead.join('\n')}`)
  },
})
