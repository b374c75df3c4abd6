// What the training commands share: their options as the library takes them, and the run folder.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type Dataset, usualEps } from '../data/dataset.ts'
import { datasets } from '../data/datasets.ts'
import { ConfigError } from '../errors.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { makeFolder, makeNumberedFolder } from '../files/folders.ts'
import { laterWriteError } from '../files/write-error.ts'
import type { TrainingOptions } from '../training/options.ts'
import { innerAttack } from './inner-attack.ts'
import type { Library, Ticket } from './library.ts'
import { measurementsOf } from './measurements.ts'
import type { RunOptions } from './options.ts'
import { ProgressDisplay, showTraining } from './progress.ts'
import { keepBesideRecipe } from './resumed-options.ts'
import type { Session } from './run-command.ts'

/** The usual L∞ radius of attacks on a data set. */
export function defaultEps(dataset: string): number {
  return usualEps(datasets.info(dataset))
}

/**
 * The folder of the run, made where it does not exist, so that an --out that cannot be written fails before the
 * training rather than after it.
 * @param name 'search-conv2-cifar10': command, architecture and data set
 */
export async function openRunFolder(options: RunOptions, name: string): Promise<string> {
  const { out, resume } = options
  if (resume && out === undefined) {
    throw new ConfigError('--resume needs the folder of the run to continue: give it as --out DIR.', 'out')
  }
  const folder = out ?? (await makeNumberedFolder('runs', name))
  if (out !== undefined && !resume) await makeFolder(out)
  if (!resume) await keepBesideRecipe(folder, options)
  return folder
}

/** The options of `TrainingOptions` that all training commands have. */
export function trainingOptions(
  options: RunOptions,
  data: Dataset,
  runDir: string,
  library: Library,
  session: Session,
): Omit<TrainingOptions, 'arch' | 'width'> {
  if (options.selectOn === 'test') {
    session.terminal.warn(
      'paper mode: the epoch is chosen on test images, so the accuracies below flatter it.',
    )
  }
  if (options.selectOn !== 'last' && options.epochs <= options.selectEvery) {
    session.terminal.log(
      `With ${options.epochs === 1 ? 'one epoch' : `${options.epochs} epochs`} there is no choice of an epoch: the last one is kept, as with --select-on last, and no images are held out.`,
    )
  }
  const { epochs, batchSize, lr, momentum, weightDecay, labelSmoothing, augment, seed, device, threads } =
    options
  return {
    data,
    inner: innerAttack(options, options.eps ?? defaultEps(data.info.name), library),
    epochs,
    batchSize,
    lr,
    schedule: { kind: options.schedule, warmupEpochs: options.warmupEpochs },
    momentum,
    weightDecay,
    labelSmoothing,
    selectOn: options.selectOn,
    selectEvery: options.selectEvery,
    validationImages: options.validationImages,
    augment,
    limit: options.limit === 'all' ? undefined : options.limit,
    seed,
    dataSeed: options.dataSeed,
    device,
    threads,
    signal: session.signal,
    onWarning: message => session.terminal.warn(message),
    runDir,
    resume: options.resume ?? false,
    checkpointMinutes: options.checkpointMinutes,
  }
}

/**
 * Runs `train` under a progress display called `label`. When Ctrl-C stops it, says how to go on.
 */
export async function withProgress<T>(
  label: string,
  runDir: string,
  { terminal, signal }: Session,
  train: (onProgress: NonNullable<TrainingOptions['onProgress']>) => Promise<T>,
): Promise<T> {
  const display = new ProgressDisplay(terminal, label)
  try {
    return await train(showTraining(display))
  } catch (error) {
    if (signal.aborted) {
      display.finish()
      terminal.log(`To go on, give the same command with --out ${runDir} --resume.`)
    }
    throw error
  } finally {
    display.finish()
  }
}

/** Where the trained thing is saved. @throws FileError where the run folder was deleted meanwhile */
export async function resultPath(runDir: string, name: 'ticket' | 'model'): Promise<string> {
  const path = join(runDir, `${name}.safetensors`)
  await access(runDir).catch(error => {
    throw laterWriteError(error, path)
  })
  return path
}

/** Saves the ticket again, now with what the closing evaluation measured. */
export async function saveWithAccuracies(
  ticket: Ticket,
  path: string,
  evaluation: Evaluation,
): Promise<void> {
  ticket.recordAccuracies(
    { natural: evaluation.naturalAccuracy, robust: evaluation.attacks[0].robustAccuracy },
    measurementsOf(evaluation),
  )
  await ticket.save(path)
}
