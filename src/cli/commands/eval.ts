// rst eval
import { join } from 'node:path'
import { Command } from 'commander'
import type { Attack } from '../../attacks/attack.ts'
import { recorded } from '../../attacks/saved.ts'
import type { Norm } from '../../attacks/threat-model.ts'
import { datasets } from '../../data/datasets.ts'
import { ConfigError } from '../../errors.ts'
import { writeFileAtomic } from '../../files/atomic.ts'
import { makeFolder } from '../../files/run-folder.ts'
import {
  addEvaluationOptions,
  type EvaluationOptions,
  type evaluationAttackNames,
} from '../attack-options.ts'
import { evaluationLines, limitFor, printWarnings } from '../closing-evaluation.ts'
import type { Library } from '../library.ts'
import { addDeviceOptions, addOutputOptions, addTicketOption } from '../options.ts'
import { ProgressDisplay, showEvaluation } from '../progress.ts'
import { type Context, runCommand, type Session } from '../run-command.ts'
import { checkImages, checkRadius } from '../test-images.ts'
import { defaultEps } from '../training-run.ts'

export function evalCommand(context: Context): Command {
  const command = new Command('eval')
    .summary('measure the natural and robust accuracy of a ticket')
    .description('Attack a ticket on test images and print its natural and robust accuracy.')
    .addHelpText(
      'after',
      '\nExample:\n  $ rst eval --ticket rst-5.safetensors --attack pgd,fgsm --eps 8/255 --steps 20 --limit 1000',
    )
  for (const add of [addTicketOption, addEvaluationOptions, addDeviceOptions, addOutputOptions]) add(command)
  return command.action(runCommand<EvaluationOptions>(context, evaluateTicket))
}

async function evaluateTicket(options: EvaluationOptions, session: Session): Promise<void> {
  const { terminal } = session
  const { device, threads, seed, batchSize, out, save } = options
  if (options.ticket === undefined)
    throw new ConfigError('--ticket is required: give the path of a ticket file.', 'ticket')
  checkRadius(options)
  for (const folder of [out, save]) if (folder !== undefined) await makeFolder(folder)
  const library = await session.loadLibrary()
  const ticket = await library.loadTicket(options.ticket, { device, threads })
  const dataset = options.dataset ?? ticket.metadata.dataset
  const { test, info } = await datasets.open(dataset, options.data)
  checkImages(ticket.metadata, info)
  const eps = options.eps ?? defaultEps(dataset)
  const attacks = options.attack.map(name => makeAttack(name, options, eps, library))
  const recordings = save === undefined ? [] : attacks.map(attack => recorded(attack, ticket.inputShape))

  const display = new ProgressDisplay(terminal, 'evaluate')
  const evaluation = await library
    .evaluate(ticket, test, {
      attacks: save === undefined ? attacks : recordings,
      limit: limitFor(options.limit, test),
      seed,
      batchSize,
      signal: session.signal,
      onProgress: showEvaluation(display, terminal.io.now),
    })
    .finally(() => display.finish())
  for (const recording of recordings) {
    await recording.save(join(save!, `${recording.name}.safetensors`))
  }
  printWarnings(evaluation, session)
  const json = {
    naturalAccuracy: evaluation.naturalAccuracy,
    attacks: evaluation.attacks,
    images: evaluation.images,
    seconds: session.seconds(),
  }
  if (out !== undefined)
    await writeFileAtomic(join(out, 'evaluation.json'), `${JSON.stringify(json, null, 2)}\n`)
  terminal.result(evaluationLines({ ticket: evaluation }), json)
}

function makeAttack(
  name: (typeof evaluationAttackNames)[number],
  { stepSize, steps, restarts, queries, norm }: EvaluationOptions,
  eps: number,
  { attacks }: Library,
): Attack {
  switch (name) {
    case 'pgd':
      return attacks.pgd({ eps, stepSize, steps, restarts, norm })
    case 'fgsm':
      return attacks.fgsm({ eps, stepSize, norm })
    case 'fgsm-rs':
      return attacks.fgsmRs({ eps, stepSize, norm })
    case 'square':
      return attacks.square({ eps, norm, queries, restarts })
    case 'bandits':
      return attacks.bandits({ eps, norm, queries })
    case 'fab':
    case 'fab-t':
      return attacks.fab({ eps, norm, steps, restarts, targeted: name === 'fab-t' })
    case 'cw-linf':
      checkNorm(name, 'linf', norm)
      return attacks.cwLinf({ eps, stepSize, steps, restarts })
    case 'cw-l2':
      checkNorm(name, 'l2', norm)
      return attacks.cwL2({ eps, iterations: steps })
    case 'apgd-ce':
      return attacks.apgd({ eps, norm, loss: 'ce', steps, restarts })
    case 'apgd-dlr':
      return attacks.apgd({ eps, norm, loss: 'dlr', steps, restarts })
    case 'apgd-t':
      return attacks.apgdT({ eps, norm, steps, restarts })
    case 'autoattack':
      return attacks.autoAttack({ eps, norm })
  }
}

function checkNorm(name: string, only: Norm, norm: Norm): void {
  if (norm !== only) throw new ConfigError(`--attack ${name} is for --norm ${only} only.`, 'norm')
}
