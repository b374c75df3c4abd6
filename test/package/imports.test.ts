// Who may import whom: the table of CONTRIBUTING.md, held against every import and include.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Folders of src/ that every other may use, and that use nothing but each other. */
const shared = ['errors', 'version', 'dispose-symbol', 'inputs', 'files', 'random']

/** By folder the folders that it may import, as CONTRIBUTING.md says. */
function allowedImports(): Map<string, readonly string[]> {
  const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `((?:src\/|native\/|bindings)[\w/]*)` \| ?(.*?) ?\|$/gm)]
  return new Map(
    rows.map(([, folder, list]) => {
      const names = list.split(',').map(name => name.trim().replaceAll('`', ''))
      const isOfSrc = folder.startsWith('src/')
      return [folder, names.filter(name => name !== '').map(name => (isOfSrc ? `src/${name}` : name))]
    }),
  )
}

const filesOf = (folder: string, pattern: RegExp) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => pattern.test(file))
    .map(file => join(folder, file))

/** The files that each file of the library imports, types included. */
function importsOf(): Map<string, string[]> {
  return new Map(
    filesOf('src', /\.ts$/).map(file => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true)
      const own = importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
      return [file, own.map(({ fileName }) => normalize(join(dirname(file), fileName)))]
    }),
  )
}

/** Quoted and angled includes: those of the repository by their paths, others by their names. */
function includesOf(): Map<string, string[]> {
  return new Map(
    ['native', 'bindings']
      .flatMap(folder => filesOf(folder, /\.(h|hh|hpp|cc|inc)$/))
      .map(file => {
        const text = readFileSync(join(root, file), 'utf8')
        const names = [...text.matchAll(/^\s*#\s*include\s+["<]([^">]+)[">]/gm)].map(([, name]) => name)
        const places = (name: string) => [name, join('native', name), join(dirname(file), name)]
        return [file, names.map(name => places(name).find(place => existsSync(join(root, place))) ?? name)]
      }),
  )
}

/** 'src/nn', 'native/ops', 'bindings'; of a file right in src/ its name. */
function folderOf(file: string): string {
  const [top, second] = file.replace(/\.ts$/, '').split('/')
  return top === 'bindings' ? top : `${top}/${second}`
}

/** The first circle among the files, as 'a → b → a'; undefined where there is none. */
function circleIn(imports: ReadonlyMap<string, readonly string[]>): string | undefined {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string | undefined => {
    const at = path.indexOf(file)
    if (at >= 0) return [...path.slice(at), file].join(' → ')
    if (done.has(file)) return undefined
    for (const next of imports.get(file) ?? []) {
      const found = visit(next, [...path, file])
      if (found !== undefined) return found
    }
    done.add(file)
    return undefined
  }
  for (const file of imports.keys()) {
    const found = visit(file, [])
    if (found !== undefined) return found
  }
  return undefined
}

const allowed = allowedImports()
const imports = importsOf()
const includes = includesOf()

/** 'a → b' for each import of a file in another folder than its folder may import. */
function strays(
  edges: ReadonlyMap<string, readonly string[]>,
  mayImport: (from: string, to: string) => boolean,
) {
  return [...edges].flatMap(([file, targets]) =>
    targets
      .filter(target => folderOf(target) !== folderOf(file) && !mayImport(folderOf(file), folderOf(target)))
      .map(target => `${file} → ${target}`),
  )
}

describe('imports', () => {
  it('are ordered by a table that names each folder once and only points down', () => {
    const folders = [
      ...new Set([...imports.keys(), ...includes.keys()].filter(file => file.split('/').length > 2)),
    ].map(folderOf)
    const listed = [...allowed.keys()]
    const ordered = folders.filter(folder => !shared.includes(folder.replace('src/', '')))
    expect(new Set([...ordered, 'bindings'])).toEqual(new Set(listed))
    for (const [folder, targets] of allowed) {
      for (const target of targets) {
        if (target !== 'Node')
          expect(listed.indexOf(target), `${folder} → ${target}`).toBeGreaterThan(listed.indexOf(folder))
      }
    }
  })

  it('of TypeScript stay within the table', () => {
    const isShared = (folder: string) => shared.includes(folder.replace('src/', ''))
    const found = strays(imports, (from, to) => {
      if (from === 'src/index') return true
      if (from === 'src/version') return to === 'src/native'
      return isShared(to) || (!isShared(from) && (allowed.get(from) ?? []).includes(to))
    })
    expect(found).toEqual([])
  })

  it('of TypeScript form no circle, types included', () => {
    expect(circleIn(imports)).toBeUndefined()
    expect(
      circleIn(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['b']],
        ]),
      ),
    ).toBe('b → c → b')
  })

  it('of C++ stay within the table and form no circle', () => {
    const own = new Map(
      [...includes].map(([file, names]) => [file, names.filter(name => includes.has(name))]),
    )
    expect(strays(own, (from, to) => (allowed.get(from) ?? []).includes(to))).toEqual([])
    // A file that Highway compiles once for each target includes itself through it.
    const others = new Map([...own].map(([file, names]) => [file, names.filter(name => name !== file)]))
    expect(circleIn(others)).toBeUndefined()
  })

  it('of Node headers are for the bindings alone', () => {
    const ofNode = /^(node|napi|uv|v8|js_native_api)\b.*\.h$/
    const users = [...includes].filter(([, names]) => names.some(name => ofNode.test(name)))
    expect(users.length).toBeGreaterThan(0)
    for (const [file] of users) expect(allowed.get(folderOf(file)) ?? []).toContain('Node')
  })
})
