// Where the files of a data set lie: people keep them under several names, and in folders above or below the one they name.
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { DatasetError } from '../errors.ts'
import type { CatalogueEntry } from './catalogue.ts'

export interface FoundFiles {
  readonly folder: string
  /** By official name; those that are missing have none. */
  readonly paths: ReadonlyMap<string, string>
}

const levelsBelow = 2
const mostFolders = 500

/**
 * The folder of the data set's files: `dir`, or one up to two levels below it.
 * @throws DatasetError where several folders below `dir` hold the data set
 */
export async function findBelow(entry: CatalogueEntry, dir: string): Promise<FoundFiles | undefined> {
  const own = await filesIn(dir, entry.files)
  if (own.paths.size > 0) return own
  const found: (FoundFiles & { rank: number })[] = []
  for (const { folder, level } of await foldersBelow(dir)) {
    const files = await filesIn(folder, entry.files)
    const complete = files.paths.size === entry.files.length
    const named = entry.subfolders.includes(basename(folder))
    if (files.paths.size === 0 || !(complete || named)) continue
    if (saysAnother(entry, relative(dir, folder))) continue
    found.push({ ...files, rank: (complete ? 0 : 100) + (named ? 0 : 10) + level })
  }
  found.sort((a, b) => a.rank - b.rank)
  const [first, second] = found
  if (second !== undefined && second.rank === first.rank) {
    throw new DatasetError(
      `Both ${first.folder} and ${second.folder} hold files of ${entry.info.name}: give the folder that is meant.`,
      { file: dir },
    )
  }
  return first
}

/** The files of `names` in `folder`, under whatever spelling. None for a folder that cannot be read. */
export async function filesIn(folder: string, names: readonly string[]): Promise<FoundFiles> {
  const entries = await entriesOf(folder)
  const paths = new Map<string, string>()
  for (const name of names) {
    const matches = entries
      .filter(entry => plain(entry.name) === plain(name))
      .sort((a, b) => preference(a, name) - preference(b, name))
    for (const match of matches) {
      const path = await fileOf(join(folder, match.name), name)
      if (path !== undefined && !paths.has(name)) paths.set(name, path)
    }
    // Reading it says that it is a folder.
    if (matches.length > 0 && !paths.has(name)) paths.set(name, join(folder, matches[0].name))
  }
  return { folder, paths }
}

/** `path`, or the file within it where it is a folder: some archives unpack to one for each file. */
async function fileOf(path: string, name: string): Promise<string | undefined> {
  if (!(await isFolder(path))) return path
  const inside = (await entriesOf(path)).filter(entry => !entry.isDirectory())
  const one = inside.find(entry => plain(entry.name) === plain(name)) ?? (inside.length === 1 && inside[0])
  return one ? join(path, one.name) : undefined
}

/** Folders under `dir`, the upper ones first. */
export async function foldersBelow(dir: string): Promise<{ folder: string; level: number }[]> {
  const found: { folder: string; level: number }[] = []
  let level: string[] = [dir]
  for (let depth = 1; depth <= levelsBelow; depth++) {
    const next: string[] = []
    for (const parent of level) {
      for (const entry of await entriesOf(parent)) {
        if (found.length >= mostFolders) return found
        const folder = join(parent, entry.name)
        if (entry.name === 'node_modules' || entry.name === '__MACOSX') continue
        if (!entry.isDirectory() && !(entry.isSymbolicLink() && (await isFolder(folder)))) continue
        next.push(folder)
        found.push({ folder, level: depth })
      }
    }
    level = next
  }
  return found
}

/** The nearest of the two folders above `dir` that holds files of the data set. */
export async function folderAbove(entry: CatalogueEntry, dir: string): Promise<string | undefined> {
  let folder = resolve(dir)
  for (let level = 0; level < levelsBelow; level++) {
    folder = dirname(folder)
    if ((await filesIn(folder, entry.files)).paths.size === entry.files.length) return folder
  }
  return undefined
}

/** What is in a folder, without hidden files; nothing where it cannot be read. */
export async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    info => info.isDirectory(),
    () => false,
  )
}

/** 'train-images.idx3-ubyte.gz' and 'train-images-idx3-ubyte' become the same. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/\.gz(ip)?$/, '')
    .replace(/[^a-z0-9]/g, '')
    .replace(/^(?:test|t10k)(images|labels)/, 't10k$1')
    .replace(/(idx\d)ubyte$/, '$1')
}

/** Files under their official names come first. */
function preference(entry: Dirent, name: string): number {
  const order = [name, `${name}.gz`].indexOf(entry.name)
  return (order < 0 ? 2 : order) + (entry.isDirectory() ? 10 : 0)
}

/** Whether the names of folders say that they hold another set than `entry`, whose files may have the same names. */
function saysAnother(entry: CatalogueEntry, path: string): boolean {
  const said = path
    .toLowerCase()
    .split(/[\\/]/)
    .map(name =>
      /fashion/.test(name)
        ? 'fashion-mnist'
        : /[keq]mnist|kuzushiji/.test(name)
          ? 'no set of the catalogue'
          : /mnist/.test(name)
            ? 'mnist'
            : undefined,
    )
    .filter(name => name !== undefined)
  return said.length > 0 && said.at(-1) !== entry.info.name
}
