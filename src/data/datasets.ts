// Opening data sets by name.
import { join } from 'node:path'
import { ConfigError, DatasetError } from '../errors.ts'
import { path } from '../inputs/kinds.ts'
import { didYouMean } from '../inputs/nearest-name.ts'
import { checkOption, checkOptions, describeValue, type OptionRows } from '../inputs/options.ts'
import { explainAbsence, explainContent } from './absence.ts'
import { type CatalogueEntry, catalogue } from './catalogue.ts'
import { type Dataset, type DatasetInfo, datasetOf, type ListedDataset } from './dataset.ts'
import { type FoundFiles, findBelow } from './find-files.ts'
import { fromArrays } from './from-arrays.ts'
import { type DatasetVerification, verifyFiles } from './verify.ts'

/** Where a data set is read from. */
export interface DatasetOptions {
  /** The folder of the data files, or one up to two levels above it. Default: the usual places, as `list()` names them. */
  dir?: string
}

export const datasetRows: OptionRows<DatasetOptions> = { dir: path }

/**
 * Data sets, official ones by name and your own from arrays. Each reader brings train and test images into memory
 * without blocking the event loop. Files that are missing, cut short or damaged are a DatasetError, with file and
 * offset, that says what to do.
 */
export const datasets = {
  /**
   * CIFAR-10: 50,000 training and 10,000 test images of [3, 32, 32] in 10 classes (Krizhevsky 2009), from its binary
   * files.
   * @param options where the files are; default: the usual places
   * @throws DatasetError, ConfigError
   * @example
   * import { datasets } from 'rst-native'
   * const { train, test, info } = await datasets.cifar10()
   * console.log(info.name, info.classes, info.classNames[3]) // → cifar10 10 cat
   * console.log(train.images.length === train.size * 3072, test.labels.length === test.size) // → true true
   */
  cifar10: (options: DatasetOptions = {}) => openBy('cifar10', options),
  /**
   * CIFAR-100: 50,000 training and 10,000 test images of [3, 32, 32] with the 100 fine labels (Krizhevsky 2009), from
   * its binary files.
   * @param options where the files are; default: the usual places
   * @throws DatasetError, ConfigError
   * @example
   * import { datasets } from 'rst-native'
   * const { info } = await datasets.cifar100()
   * console.log(info.classes) // → 100
   */
  cifar100: (options: DatasetOptions = {}) => openBy('cifar100', options),
  /**
   * MNIST: 60,000 training and 10,000 test images of [1, 28, 28] in 10 classes (LeCun et al. 1998), from its idx
   * files, packed by gzip or not.
   * @param options where the files are; default: the usual places
   * @throws DatasetError, ConfigError
   * @example
   * import { datasets } from 'rst-native'
   * const { info } = await datasets.mnist()
   * console.log(info.channels, info.height, info.flip) // → 1 28 false
   */
  mnist: (options: DatasetOptions = {}) => openBy('mnist', options),
  /**
   * Fashion-MNIST: 60,000 training and 10,000 test images of [1, 28, 28] in 10 classes (Xiao et al. 2017), from its
   * idx files, packed by gzip or not.
   * @param options where the files are; default: the usual places
   * @throws DatasetError, ConfigError
   * @example
   * import { datasets } from 'rst-native'
   * const { info } = await datasets.fashionMnist()
   * console.log(info.usualEps) // → 0.1
   */
  fashionMnist: (options: DatasetOptions = {}) => openBy('fashion-mnist', options),
  /**
   * The data set of images and labels in memory. Arrays of pixels are taken as they are, not copied.
   * @param options images, labels, and what they are
   * @throws ConfigError naming the option at fault, ShapeError for as many labels as there are not images
   * @example
   * import { datasets } from 'rst-native'
   * const signs = (size: number) => ({
   *   images: new Uint8Array(size * 3 * 32 * 32), // pixels 0 to 255
   *   labels: Array.from({ length: size }, (_, i) => i % 2),
   * })
   * const classNames = ['stop', 'go']
   * const shape = [3, 32, 32] as const
   * const data = datasets.fromArrays({ name: 'signs', classNames, shape, train: signs(8), test: signs(4) })
   * console.log(data.info.classes, data.train.size, data.test.name) // → 2 8 signs test
   */
  fromArrays,
  /**
   * Reads the data set called `name`. It may be a part of the official one, of whole images.
   * @param dir the folder of its files, or one up to two levels above it; default: the usual places
   * @throws ConfigError when there is no data set of that name, DatasetError
   * @example
   * import { datasets } from 'rst-native'
   * const { train } = await datasets.open('cifar10')
   * console.log(train.images instanceof Uint8Array) // → true
   */
  open,
  /**
   * All data sets: name, title, the files they need, where they are looked for and how to get them.
   * @example
   * import { datasets } from 'rst-native'
   * console.log(datasets.list().map(({ name }) => name).join()) // → cifar10,cifar100,mnist,fashion-mnist
   */
  list,
  /**
   * The folder that has at least one of the data set's files; undefined where there is none.
   * @param name of the data set
   * @param dir looked through, two levels deep; default: the usual places
   * @throws ConfigError when there is no data set of that name
   * @example
   * import { datasets } from 'rst-native'
   * const folder = await datasets.locate('cifar10', '/data')
   * console.log(folder ?? 'not there')
   */
  locate,
  /**
   * The names of the data sets whose files are in or below `dir`: more than one where files of the same names belong to
   * several.
   * @param dir a folder, looked through two levels deep
   * @throws DatasetError that says what is there instead
   * @example
   * ```ts no-run
   * import { datasets } from 'rst-native'
   * console.log(await datasets.recognise('/data/cifar-10-batches-bin')) // [ 'cifar10' ]
   * ```
   */
  recognise,
  /**
   * Reads the data set called `name` and compares it with the official one: images of each file and class, labels, and
   * the mean and deviation of the training pixels.
   * @param dir the folder of its files, or one up to two levels above it; default: the usual places
   * @throws ConfigError, DatasetError at the first file that is not as it must be
   * @example
   * ```ts no-run
   * import { datasets } from 'rst-native'
   * const { dir, train } = await datasets.verify('cifar10', '/data')
   * console.log(dir, train.images) // /data/cifar-10-batches-bin 50000
   * ```
   */
  verify,
  /**
   * What is known of the data set called `name` without its files.
   * @throws ConfigError when there is none of that name
   * @example
   * import { datasets } from 'rst-native'
   * console.log(datasets.info('cifar100').classes) // → 100
   */
  info,
}

async function openBy(name: string, options: DatasetOptions): Promise<Dataset> {
  checkOptions(`datasets.${name}`, options, datasetRows)
  return read(find(name), options.dir)
}

async function open(name: string, dir?: string): Promise<Dataset> {
  const entry = find(name)
  checkOption('dir', dir, path)
  return read(entry, dir)
}

async function read(entry: CatalogueEntry, dir: string | undefined): Promise<Dataset> {
  return datasetOf(entry.info, await entry.read(pathsOf(entry, await filesOf(entry, dir))))
}

async function verify(name: string, dir?: string): Promise<DatasetVerification> {
  const entry = find(name)
  checkOption('dir', dir, path)
  const found = await filesOf(entry, dir)
  return verifyFiles(entry, found.folder, pathsOf(entry, found))
}

function info(name: string): DatasetInfo {
  return find(name).info
}

function list(): ListedDataset[] {
  return Object.entries(catalogue).map(([name, { title, files, folders, howToGet }]) => ({
    name,
    title,
    files,
    folders,
    howToGet,
  }))
}

async function locate(name: string, dir?: string): Promise<string | undefined> {
  const entry = find(name)
  checkOption('dir', dir, path)
  return (await look(entry, dir))?.folder
}

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
