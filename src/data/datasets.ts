// Opening data sets by name.
import { join } from 'node:path'
import { ConfigError, DatasetError } from '../errors.ts'
import { path } from '../inputs/kinds.ts'
import { didYouMean } from '../inputs/nearest-name.ts'
import { checkOption, checkOptions, describeValue, type OptionRows } from '../inputs/options.ts'
import { explainAbsence, explainContent } from './absence.ts'
import { type CatalogueEntry, catalogue } from './catalogue.ts'
import { type Dataset, type DatasetInfo, datasetOf } from './dataset.ts'
import { type FoundFiles, findBelow } from './find-files.ts'
import { fromArrays } from './from-arrays.ts'
import { type DatasetVerification, verifyFiles } from './verify.ts'

export interface DatasetOptions {
  /** The folder of the data files, or one up to two levels above it. Default: the usual places, as `list()` names them. */
  dir?: string
}

export const datasetRows: OptionRows<DatasetOptions> = { dir: path }

/**
 * The readers of all data sets. Each reads train and test images into memory without blocking the event loop.
 * They throw DatasetError, with file and offset, for files that are missing, cut short or damaged, and say what to do.
 */
export const datasets = {
  cifar10: (options: DatasetOptions = {}) => openBy('cifar10', options),
  /** With the 100 fine labels. */
  cifar100: (options: DatasetOptions = {}) => openBy('cifar100', options),
  mnist: (options: DatasetOptions = {}) => openBy('mnist', options),
  fashionMnist: (options: DatasetOptions = {}) => openBy('fashion-mnist', options),
  fromArrays,
  open,
  list,
  locate,
  recognise,
  verify,
  info,
}

async function openBy(name: string, options: DatasetOptions): Promise<Dataset> {
  checkOptions(`datasets.${name}`, options, datasetRows)
  return read(find(name), options.dir)
}

/**
 * Reads the data set called `name`. It may be a part of the official one, of whole images.
 * @param dir the folder of its files, or one up to two levels above it; default: the usual places
 * @throws ConfigError when there is no data set of that name, DatasetError
 */
async function open(name: string, dir?: string): Promise<Dataset> {
  const entry = find(name)
  checkOption('dir', dir, path)
  return read(entry, dir)
}

async function read(entry: CatalogueEntry, dir: string | undefined): Promise<Dataset> {
  return datasetOf(entry.info, await entry.read(pathsOf(entry, await filesOf(entry, dir))))
}

/**
 * Reads the data set called `name` and compares it with the official one: images of each file and class, labels, and
 * the mean and deviation of the training pixels.
 * @throws ConfigError, DatasetError at the first file that is not as it must be
 */
async function verify(name: string, dir?: string): Promise<DatasetVerification> {
  const entry = find(name)
  checkOption('dir', dir, path)
  const found = await filesOf(entry, dir)
  return verifyFiles(entry, found.folder, pathsOf(entry, found))
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

/** The folder that has at least one of the data set's files, in or below `dir` or the usual places. */
async function locate(name: string, dir?: string): Promise<string | undefined> {
  const entry = find(name)
  checkOption('dir', dir, path)
  return (await look(entry, dir))?.folder
}

/**
 * The names of the data sets whose files are in or below `dir`: more than one where files of the same names belong to
 * several.
 * @throws DatasetError that says what is there instead
 */
async function recognise(dir: string): Promise<string[]> {
  checkOption('dir', dir, { ...path, required: true })
  const found: string[] = []
  for (const [name, entry] of Object.entries(catalogue)) {
    if ((await look(entry, dir)) !== undefined) found.push(name)
  }
  if (found.length > 0) return found
  const all = Object.values(catalogue)
  throw new DatasetError(await explainAbsence(dir, all, all), { file: dir })
}

async function look(entry: CatalogueEntry, dir: string | undefined): Promise<FoundFiles | undefined> {
  for (const folder of dir === undefined ? entry.folders : [dir]) {
    const found = await findBelow(entry, folder)
    if (found !== undefined) return found
  }
  return undefined
}

async function filesOf(entry: CatalogueEntry, dir: string | undefined): Promise<FoundFiles> {
  const found = await look(entry, dir)
  if (found !== undefined) return found
  const { name } = entry.info
  const all = Object.values(catalogue)
  if (dir !== undefined) {
    const reason = await explainAbsence(dir, [entry], all)
    throw new DatasetError(`${name} was not found. ${reason}`, { file: dir })
  }
  for (const folder of [...entry.folders, 'data']) {
    const reason = await explainContent(folder, [entry], all)
    if (reason !== undefined) throw new DatasetError(`${name} was not found. ${reason}`, { file: folder })
  }
  throw new DatasetError(
    `${name} was not found in ${entry.folders.join(' or ')}. To get it, ${entry.howToGet}.`,
    { file: entry.folders[0] },
  )
}

/** Where each file of the data set lies. @throws DatasetError naming the first that is missing */
function pathsOf({ files }: CatalogueEntry, { folder, paths }: FoundFiles): string[] {
  return files.map(name => {
    const found = paths.get(name)
    if (found !== undefined) return found
    const file = join(folder, name)
    throw new DatasetError(`Cannot read ${file}: there is no such file, nor ${name}.gz beside it.`, { file })
  })
}

function find(name: string): CatalogueEntry {
  if (typeof name !== 'string') {
    throw new ConfigError(`Expected the name of a data set but received ${describeValue(name)}.`, 'dataset')
  }
  if (Object.hasOwn(catalogue, name)) return catalogue[name]
  const names = Object.keys(catalogue)
  throw new ConfigError(
    `There is no data set ${name} (known: ${names.join(', ')})${didYouMean(name, names) || '.'}`,
    'dataset',
  )
}
