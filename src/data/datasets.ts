// Opening data sets by name.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, DatasetError } from '../errors.ts'
import { didYouMean } from '../nearest-name.ts'
import { type CatalogueEntry, catalogue } from './catalogue.ts'
import { type Dataset, type DatasetInfo, datasetOf } from './dataset.ts'

export interface DatasetOptions {
  /** The folder of the data files. Default: the usual places, as `list()` names them. */
  dir?: string
}

/**
 * The readers of all data sets. Each reads train and test images into memory without blocking the event loop.
 * They throw DatasetError, with file and offset, for files that are missing, cut short or damaged.
 */
export const datasets = {
  cifar10: (options: DatasetOptions = {}) => open('cifar10', options.dir),
  /** With the 100 fine labels. */
  cifar100: (options: DatasetOptions = {}) => open('cifar100', options.dir),
  mnist: (options: DatasetOptions = {}) => open('mnist', options.dir),
  fashionMnist: (options: DatasetOptions = {}) => open('fashion-mnist', options.dir),
  open,
  list,
  locate,
  info,
}

/**
 * Reads the data set called `name`.
 * @param dir the folder of its files; default: the usual places
 * @throws ConfigError when there is no data set of that name
 */
async function open(name: string, dir?: string): Promise<Dataset> {
  const entry = find(name)
  const folder = await locate(name, dir)
  if (folder === undefined) {
    const looked = (dir === undefined ? entry.folders : [dir]).join(' or ')
    throw new DatasetError(`${name} was not found in ${looked}. To get it, ${entry.howToGet}.`, {
      file: dir ?? entry.folders[0],
    })
  }
  return datasetOf(entry.info, await entry.read(folder))
}

/** What is known of the data set called `name` without its files. @throws ConfigError when there is none of that name */
function info(name: string): DatasetInfo {
  return find(name).info
}

/** All data sets: name, title, the files they need, where they are looked for and how to get them. */
function list(): {
  name: string
  title: string
  files: readonly string[]
  folders: readonly string[]
  howToGet: string
}[] {
  return Object.entries(catalogue).map(([name, { title, files, folders, howToGet }]) => ({
    name,
    title,
    files,
    folders,
    howToGet,
  }))
}

/** The folder that has at least one of the data set's files, among `dir` or the usual places. */
async function locate(name: string, dir?: string): Promise<string | undefined> {
  const { files, folders, subfolder } = find(name)
  const candidates = (dir === undefined ? folders : [dir]).flatMap(folder =>
    subfolder === undefined ? [folder] : [folder, join(folder, subfolder)],
  )
  for (const folder of candidates) {
    for (const file of files) {
      if ((await exists(join(folder, file))) || (await exists(join(folder, `${file}.gz`)))) return folder
    }
  }
  return undefined
}

function find(name: string): CatalogueEntry {
  if (Object.hasOwn(catalogue, name)) return catalogue[name]
  const names = Object.keys(catalogue)
  throw new ConfigError(
    `There is no data set ${name} (known: ${names.join(', ')})${didYouMean(name, names) || '.'}`,
    'dataset',
  )
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
