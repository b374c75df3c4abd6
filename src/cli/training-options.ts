// What the training commands share: their options as a run takes them, and what is said while it runs.
import { usualEps } from '../data/dataset.ts'
import type { RunEvents } from '../runs/run-events.ts'
import type { TrainingRunOptions } from '../runs/training-run.ts'
import { innerAttack } from './inner-attack.ts'
import type { RunOptions } from './options.ts'
import type { Session } from './run-command.ts'
import { withDisplay } from './run-display.ts'
import type { Terminal } from './terminal.ts'

/** The options that all runs have that train; `dataset` is of those that do not take it from a ticket. */
export function trainingOptions(
  options: RunOptions & { dataset?: string },
): Omit<TrainingRunOptions, 'device' | 'threads'> {
  const { epochs, batchSize, lr, momentum, weightDecay, labelSmoothing, augment, seed, dataSeed } = options
  const { selectOn, selectEvery, validationImages, limit, checkpointMinutes, out, resume = false } = options
  return {
    data: { name: options.dataset, dir: options.data },
    inner: info => innerAttack(options, options.eps ?? usualEps(info)),
    epochs,
    batchSize,
    lr,
    schedule: { kind: options.schedule, warmupEpochs: options.warmupEpochs },
    momentum,
    weightDecay,
    labelSmoothing,
    selectOn,
    selectEvery,
    validationImages,
    augment,
    limit: limit === 'all' ? undefined : limit,
    seed,
    dataSeed,
    out,
    resume,
    checkpointMinutes,
    closing: {
      eps: options.evalEps,
      stepSize: options.evalStepSize,
      steps: options.evalSteps,
      limit: options.evalLimit,
    },
  }
}

/**
 * Runs a training under a display of its progress.
 * @param begin what is said once its folder is known: 'Searching in conv4'
 */
export function withTraining<T>(
  options: RunOptions,
  session: Session,
  begin: string,
  run: (events: RunEvents) => Promise<T>,
): Promise<T> {
  const { terminal } = session
  let folder: string | undefined
  const hint = (stage: string) =>
    isTraining(stage) ? `To go on, give the same command with --out ${folder} --resume.` : undefined
  return withDisplay(session, hint, events =>
    run({
      ...events,
      onBegin(begun) {
        folder = begun.folder
        terminal.log(`${begin} on ${begun.info.name}; the run folder is ${folder}.`)
      },
      onStage(stage) {
        if (stage !== null && isTraining(stage)) explainSelection(options, terminal)
        events.onStage!(stage)
      },
    }),
  )
}

const isTraining = (stage: string) => !stage.startsWith('evaluate')

function explainSelection({ selectOn, selectEvery, epochs }: RunOptions, terminal: Terminal): void {
  if (selectOn === 'test') {
    terminal.warn('paper mode: the epoch is chosen on test images, so the accuracies below flatter it.')
  }
  if (selectOn === 'last' || epochs > selectEvery) return
  terminal.log(
    `With ${epochs === 1 ? 'one epoch' : `${epochs} epochs`} there is no choice of an epoch: the last one is kept, as with --select-on last, and no images are held out.`,
  )
}
