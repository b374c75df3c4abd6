// rst data
import { Argument, Command } from 'commander'
import { datasets } from '../../data/datasets.ts'
import { ConfigError } from '../../errors.ts'
import { didYouMean } from '../../inputs/nearest-name.ts'
import { verifyData } from '../../runs/verify-data.ts'
import { formatCount } from '../format.ts'
import { addExamples } from '../help.ts'
import { addDatasetOption, addOutputOptions, datasetNames, type OutputOptions } from '../options.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'

export function dataCommand(context: Context): Command {
  const list = new Command('list')
    .description('List the data sets and where they were found.')
    .action(runCommand<OutputOptions>(context, listDatasets))
  const verify = new Command('verify')
    .description(
      'Read a data set whole and compare it with the official one: sizes, images of each file and class, labels, and mean and deviation of the pixels.',
    )
    .argument('<dir>', 'folder of the data files')
    .action(runCommand<VerifyOptions>(context, verifyFolder))
  addDatasetOption(verify)
  const nameArgument = new Argument('<name>', 'name of a data set, see rst data list')
  nameArgument.argChoices = [...datasetNames]
  const where = new Command('where')
    .description('Tell where to get a data set. Nothing is downloaded.')
    .addArgument(nameArgument)
    .action(runCommand<OutputOptions>(context, explainWhere))
  const command = new Command('data')
    .summary('list and check data sets')
    .description('List and check data sets, and tell where to get them.')
  for (const child of [list, verify, where]) command.addCommand(addOutputOptions(child))
  addExamples(list, { 'as JSON, for programs': 'rst data list --json' })
  addExamples(verify, { 'is it what it should be?': 'rst data verify /usr/share/datasets/fashion-mnist' })
  addExamples(where, { 'files, folders and source': 'rst data where cifar10' })
  return addExamples(command, {
    'which are there?': 'rst data list',
    'where does one get CIFAR-10?': 'rst data where cifar10',
  })
}

async function listDatasets(_: OutputOptions, { terminal }: Session): Promise<void> {
  const found = await Promise.all(
    datasets
      .list()
      .map(async ({ name, title }) => ({ name, title, dir: (await datasets.locate(name)) ?? null })),
  )
  const lines = found.flatMap(({ name, title, dir }) => [
    `${name}: ${title}`,
    `  ${dir === null ? `not found; see rst data where ${name}` : `found in ${dir}`}`,
  ])
  terminal.result(lines, { datasets: found })
}

type VerifyOptions = OutputOptions & { dataset?: string }

async function verifyFolder({ dataset }: VerifyOptions, { terminal }: Session, dir = ''): Promise<void> {
  const verified = await verifyData({ dir, dataset })
  const { files, mean, std } = verified
  const splits = (['train', 'test'] as const).map(split => {
    const { images, imagesPerClass } = verified[split]
    return `${split}: ${formatCount(images)} images, ${Math.min(...imagesPerClass)} to ${Math.max(...imagesPerClass)} a class`
  })
  const decimals = (values: readonly number[]) => values.map(value => value.toFixed(4)).join(', ')
  terminal.result(
    [
      `${verified.dir} holds ${verified.dataset}; every file is sound.`,
      ...files.map(
        ({ file, bytes, images }) => `  ${file}: ${formatCount(bytes)} bytes, ${formatCount(images)} entries`,
      ),
      ...splits,
      `training pixels: mean ${decimals(mean)}, standard deviation ${decimals(std)}`,
      'Compared with the official files: number of entries, every label, images of each class, mean and deviation of the pixels. A few wrong pixels would not show.',
    ],
    verified,
  )
}

async function explainWhere(_: OutputOptions, { terminal }: Session, name = ''): Promise<void> {
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
