// rst data
import { access } from 'node:fs/promises'
import { Command } from 'commander'
import type { Split } from '../../data/dataset.ts'
import { datasets } from '../../data/datasets.ts'
import { ConfigError, DatasetError } from '../../errors.ts'
import { didYouMean } from '../../nearest-name.ts'
import { formatCount, formatPercent } from '../format.ts'
import { addDatasetOption, addOutputOptions, type OutputOptions } from '../options.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'

export function dataCommand(context: Context): Command {
  const list = new Command('list')
    .description('List the data sets and where they were found.')
    .action(runCommand<OutputOptions>(context, listDatasets))
  const verify = new Command('verify')
    .description('Read a data set whole and check its files: sizes, magic numbers, labels.')
    .argument('<dir>', 'folder of the data files')
    .addHelpText('after', '\nExample:\n  $ rst data verify /usr/share/datasets/fashion-mnist')
    .action(runCommand<VerifyOptions>(context, verifyFolder))
  addDatasetOption(verify)
  const fetch = new Command('fetch')
    .description('Tell how to get a data set. Nothing is downloaded.')
    .argument('<name>', 'name of a data set, see rst data list')
    .addHelpText('after', '\nExample:\n  $ rst data fetch cifar10')
    .action(runCommand<OutputOptions>(context, explainFetch))
  const command = new Command('data')
    .summary('list and check data sets')
    .description('List, check and get data sets.')
  for (const child of [list, verify, fetch]) command.addCommand(addOutputOptions(child))
  return command.addHelpText('after', '\nExample:\n  $ rst data list')
}

async function listDatasets(_: OutputOptions, { terminal }: Session): Promise<void> {
  const found = await Promise.all(
    datasets
      .list()
      .map(async ({ name, title }) => ({ name, title, dir: (await datasets.locate(name)) ?? null })),
  )
  const lines = found.flatMap(({ name, title, dir }) => [
    `${name}: ${title}`,
    `  ${dir === null ? `not found; see rst data fetch ${name}` : `found in ${dir}`}`,
  ])
  terminal.result(lines, { datasets: found })
}

type VerifyOptions = OutputOptions & { dataset?: string }

async function verifyFolder({ dataset }: VerifyOptions, { terminal }: Session, dir = ''): Promise<void> {
  const data = await datasets.open(dataset ?? (await recognise(dir)), dir)
  const { name, classes } = data.info
  const splits = { train: summarise(data.train, classes), test: summarise(data.test, classes) }
  const lines = Object.entries(splits).map(
    ([split, { images, meanPixel, imagesPerClass }]) =>
      `${split}: ${formatCount(images)} images, mean pixel ${formatPercent(meanPixel)}, ${Math.min(...imagesPerClass)} to ${Math.max(...imagesPerClass)} images a class`,
  )
  terminal.result([`${dir} holds ${name}; every file is sound.`, ...lines], { dataset: name, dir, ...splits })
}

/** The data set whose files are in `dir`. MNIST and Fashion-MNIST have the same files: their pixels tell them apart. */
async function recognise(dir: string): Promise<string> {
  const found: string[] = []
  for (const { name } of datasets.list()) {
    if ((await datasets.locate(name, dir)) !== undefined) found.push(name)
  }
  if (found.length === 0) {
    const exists = await access(dir).then(
      () => true,
      () => false,
    )
    throw new DatasetError(
      exists ? `${dir} holds no data set that rst reads; see rst data list.` : `There is no folder ${dir}.`,
      { file: dir },
    )
  }
  if (!found.includes('mnist')) return found[0]
  const { train } = await datasets.open('mnist', dir)
  return summarise(train, 10).meanPixel < 0.2 ? 'mnist' : 'fashion-mnist'
}

function summarise({ images, labels, size }: Split, classes: number) {
  const imagesPerClass: number[] = new Array(classes).fill(0)
  for (const label of labels) imagesPerClass[label]++
  let sum = 0
  for (const pixel of images) sum += pixel
  return { images: size, meanPixel: sum / images.length / 255, imagesPerClass }
}

async function explainFetch(_: OutputOptions, { terminal }: Session, name = ''): Promise<void> {
  const entry = datasets.list().find(dataset => dataset.name === name)
  if (entry === undefined) {
    const names = datasets.list().map(dataset => dataset.name)
    throw new ConfigError(
      `There is no data set ${name} (known: ${names.join(', ')})${didYouMean(name, names) || '.'}`,
      'name',
    )
  }
  const { title, files, folders, howToGet } = entry
  terminal.result(
    [
      title,
      `To get it, ${howToGet}.`,
      `Files needed: ${files.join(', ')}.`,
      `Folders looked in: ${folders.join(', ')}; or give --data DIR.`,
      'rst downloads nothing by itself.',
    ],
    { name, files, folders, howToGet },
  )
}
