// Runs the program in this process with a library whose networks need no addon, and catches what it prints.

import type { Library, Ticket } from '../../src/cli/library.ts'
import { run } from '../../src/cli/program.ts'
import type { Io } from '../../src/cli/terminal.ts'
import { AbortError, ConfigError } from '../../src/errors.ts'
import type { Evaluation } from '../../src/evaluation/evaluate.ts'
import { readTicket, writeTicket } from '../../src/saved/stored-ticket.ts'
import type { TicketData } from '../../src/saved/ticket-data.ts'
import { exampleTicket } from '../saved/example-ticket.ts'

// Options and results of all kinds pass through here; the tests look into them.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Loose = any

export interface Ran {
  code: number
  stdout: string
  stderr: string
  /** Arguments of each call into the library, by function. */
  calls: Record<string, Loose[]>
  /** Set when the program ended itself at once. */
  exited: number | undefined
}

export interface Conditions {
  env?: Record<string, string>
  isTTY?: boolean
  /** Of the terminal. Default 200. */
  columns?: number
  /** Changes to the library. */
  library?: Partial<Library>
  /** Called with a function that presses Ctrl-C, or sends another signal, once a search runs. */
  duringSearch?: (interrupt: (signal?: NodeJS.Signals) => void) => void
  /** The same for an evaluation. */
  duringEvaluation?: (interrupt: (signal?: NodeJS.Signals) => void) => void
}

/** What an evaluation of `images` images on seed 0 is said to be of. */
export const provenanceOf = (images: number, attacks: readonly Loose[]): Evaluation['provenance'] => ({
  models: [{ kind: 'ticket', hash: 'abcdef0123456789', arch: 'conv2', width: 1, remainingRatio: 0.3 }],
  data: { name: 'mnist test', images, of: 10_000, which: { subsetSeed: 0 }, fingerprint: '0123456789abcdef' },
  attacks: attacks.map(({ name, norm, eps }) => ({ name, norm, eps, settings: {}, seed: 0 })),
  version: '0.1.0',
  device: 'CPU, AVX2',
})

const archs = ['preact-resnet18', 'resnet18-cifar', 'conv2', 'conv4']

export async function rst(
  args: string[],
  { env = {}, isTTY = false, columns = 200, library = {}, duringSearch, duringEvaluation }: Conditions = {},
): Promise<Ran> {
  const ran: Ran = { code: -1, stdout: '', stderr: '', calls: {}, exited: undefined }
  const handlers = new Set<(signal?: NodeJS.Signals) => void>()
  let time = 0
  const io: Io = {
    stdout: { write: text => (ran.stdout += text), isTTY, columns },
    stderr: { write: text => (ran.stderr += text), isTTY, columns },
    env,
    now: () => (time += 50),
    onInterrupt(handler) {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
    exit: code => {
      ran.exited = code
    },
  }
  const called = (name: string, argument: unknown) => {
    ran.calls[name] ??= []
    ran.calls[name].push(argument)
  }
  const interrupt = (signal?: NodeJS.Signals) => {
    for (const handler of handlers) handler(signal)
  }

  const ticketOf = (data: TicketData, label: string): Ticket => {
    let { metadata } = data
    return {
      label,
      metadata,
      parameters: { kept: 30, total: 100 },
      recordAccuracies(
        accuracies: TicketData['metadata']['accuracies'],
        measured: TicketData['metadata']['measured'],
      ) {
        metadata = { ...metadata, accuracies, measured }
      },
      save: (path: string) => writeTicket(path, { ...data, metadata }),
    } as Loose
  }
  const train = (name: string) => async (options: Loose) => {
    called(name, options)
    duringSearch?.(interrupt)
    for (let step = 1; step <= 400; step++) {
      if (options.signal.aborted) throw new AbortError(`Interrupted at step ${step} of 400.`)
      options.onProgress({
        epoch: 0,
        epochs: 2,
        step,
        steps: 400,
        loss: 2,
        accuracy: 0.5,
        lr: 0.1,
        imagesPerSecond: 1234,
        secondsLeft: 70,
      })
    }
    return {
      ticket: ticketOf(exampleTicket(), 'ticket'),
      model: { label: 'model', save: async () => {} } as Loose,
    }
  }
  const attack = (name: string) => (options: Loose) => ({ name, norm: 'linf', ...options, settings: options })
  const adversary = (name: string) => (options: Loose) => ({ norm: 'linf', ...options, name, against: 'all' })
  const layersOf = (source: unknown) => {
    called('doctor', source)
    const conv = { name: 'conv1', weightShape: [64, 3, 3, 3], stride: 2, inputSize: [32, 30], density: 0.05 }
    return [{ ...conv, forward: 'sparse', inputGradient: 'direct' }]
  }
  const scored = { images: 20, forwards: 5, backwards: 4, failedChecks: 0, largestNorm: 0.1 }
  const warnings = [{ code: 'WEAK', message: 'a weak attack' }]
  const fake: Loose = {
    models: {
      canonicalName(arch: string) {
        if (archs.includes(arch)) return arch
        throw new ConfigError(`Expected one of ${archs.join(', ')} for arch but received '${arch}'.`, 'arch')
      },
    },
    attacks: {
      pgd: attack('pgd'),
      fgsm: attack('fgsm'),
      fgsmRs: attack('fgsm-rs'),
      free: attack('free'),
      square: attack('square'),
      bandits: attack('bandits'),
      fab: attack('fab'),
      cwLinf: attack('cw-linf'),
      cwL2: attack('cw-l2'),
      apgd: attack('apgd'),
      apgdT: attack('apgd-t'),
      autoAttack: attack('autoattack'),
    },
    searchRST: train('searchRST'),
    trainDense: train('trainDense'),
    finetune: train('finetune'),
    loadDense: async (path: string, options: unknown) => {
      called('loadDense', { path, options })
      return { label: 'dense', path } as Loose
    },
    loadTicket: async (path: string, options: unknown) => {
      called('loadTicket', { path, options })
      return ticketOf(await readTicket(path), 'ticket')
    },
    randomTicket: async (options: unknown) => {
      called('randomTicket', options)
      return ticketOf(exampleTicket(), 'random')
    },
    evaluate: async (model: Loose, split: Loose, options: Loose): Promise<Evaluation> => {
      called('evaluate', { model, split, ...options })
      duringEvaluation?.(interrupt)
      if (options.signal.aborted) throw new AbortError('The evaluation was interrupted.')
      for (const images of [10, 20]) {
        options.onProgress({ phase: 'natural', images, total: 20, share: images / 40, secondsLeft: 70 })
      }
      const share = model.label === 'random' ? 0.1 : 0.6
      const part = (name: string, attacked: number, broken: number) => ({
        ...{ name, attacked, broken, forwards: 50, backwards: 40, seconds: 1 },
      })
      const report: Evaluation = {
        naturalAccuracy: share,
        worstCaseAccuracy: share / 4,
        naturalInterval: [share - 0.05, share + 0.05],
        worstCaseInterval: [share / 4 - 0.05, share / 4 + 0.05],
        predictions: Int32Array.of(5, 2),
        confidences: Float32Array.of(0.5, 0.75),
        provenance: provenanceOf(options.limit ?? split.size, options.attacks),
        images: options.limit ?? split.size,
        ids: Int32Array.of(7, 30),
        labels: Int32Array.of(4, 2),
        seconds: 3,
        attacks: options.attacks.map(({ name, eps, norm }: Loose) => ({
          name,
          eps,
          norm,
          settings: { eps, norm },
          robustAccuracy: share / 2,
          roundedAccuracy: share / 2,
          failedChecks: 0,
          largestNorm: eps,
          interval: [share / 2 - 0.05, share / 2 + 0.05],
          perImage: {
            predictions: Int32Array.of(5, 2),
            confidences: Float32Array.of(0.5, 0.625),
            norms: Float64Array.of(0, 0.1),
          },
          brokenBy: ['clean', name === 'autoattack' ? 'apgd-ce' : null],
          ...(name === 'autoattack' && { parts: [part('apgd-ce', 1, 1), part('square', 0, 0)] }),
          forwards: 5,
          backwards: 4,
          seconds: 3,
          warnings: name === 'fgsm' ? [{ code: 'WEAK', message: 'a single step is a weak attack' }] : [],
        })),
      }
      await options.onComplete?.(report)
      return report
    },
    R2S: {
      load: async (paths: string[], options: unknown) => {
        called('R2S.load', { paths, options })
        const data = await Promise.all(paths.map(path => readTicket(path)))
        return { tickets: data.map(one => ticketOf(one, 'ticket')) }
      },
    },
    adversaries: {
      random: (of: Loose) => ({ ...of, of: 'random', against: 'one' }),
      eot: adversary('eot'),
      eotApgd: adversary('eot-apgd'),
      ensembleLogits: adversary('ensemble-logits'),
      ensembleProbs: adversary('ensemble-probs'),
      arc: adversary('arc'),
    },
    transferMatrix: async (tickets: Loose[], split: Loose, options: Loose) => {
      called('transferMatrix', { tickets, split, ...options })
      options.onProgress({ phase: 'natural', images: 10, total: 20, share: 0.1, secondsLeft: 70 })
      const { name, eps, norm, onlyCorrect = false } = options.attack
      const attack = { name, eps, norm, onlyCorrect }
      const matrix = tickets.map((_, i) => tickets.map((_, j) => (i === j ? 0.25 : 0.5)))
      duringEvaluation?.(interrupt)
      if (options.signal.aborted) throw new AbortError('The evaluation was interrupted.')
      const natural = tickets.map(() => 0.75)
      const found = {
        ...{ ...scored, warnings, attack, natural, matrix, mean: 0.375, meanInterval: [0.35, 0.4] },
        naturalIntervals: tickets.map(() => [0.7, 0.8]),
        intervals: matrix.map(row => row.map(share => [share - 0.06, share + 0.06])),
        provenance: provenanceOf(20, [attack]),
      }
      await options.onComplete?.(found)
      return found
    },
    evaluateR2S: async ({ tickets }: Loose, split: Loose, options: Loose) => {
      called('evaluateR2S', { tickets, split, ...options })
      const { name, eps, norm, against, onlyCorrect } = options.adversary
      const adversary = { name, eps, norm, against, onlyCorrect }
      duringEvaluation?.(interrupt)
      if (options.signal.aborted) throw new AbortError('The evaluation was interrupted.')
      const provenance = provenanceOf(20, [adversary])
      const common = {
        ...scored,
        warnings,
        tickets: tickets.length,
        adversary,
        naturalAccuracy: 0.75,
        provenance,
      }
      const interval = { confidence: 0.95, low: 0.25, high: 0.5 }
      const matrix = (against === 'one' ? tickets : [0]).map(() => tickets.map(() => 0.375))
      const uncertain = (share: number) => ({ standardError: 0.025, interval: [share - 0.05, share + 0.05] })
      const difference = { difference: 0.025, standardError: 0.01, z: 2.5, interval: [0.005, 0.045] }
      const best = { ticket: 1, chosenOn: 10, reportedOn: 10, accuracy: 0.35, accuracyInterval: [0.3, 0.4] }
      const exact = {
        ...{ robustAccuracy: 0.375, worstTicket: 0.25, allTickets: 0.125, matrix },
        uncertainty: {
          naturalAccuracy: uncertain(0.75),
          robustAccuracy: uncertain(0.375),
          worstTicket: uncertain(0.25),
          allTickets: uncertain(0.125),
        },
        intervals: matrix.map((row: number[]) => row.map(share => [share - 0.06, share + 0.06])),
        ...((against === 'one' || options.singles) && {
          bestTicket: { ...best, ...difference, onSameImages: { ticket: 0, accuracy: 0.375, ...difference } },
        }),
      }
      const found =
        options.simulate === undefined
          ? { ...common, method: 'exact expectation', ...exact }
          : { ...common, method: 'simulation', robustAccuracy: 0.375, draws: 40, interval }
      await options.onComplete?.(found)
      return found
    },
    doctor: async (options: Loose) => ({
      version: '0.1.0',
      node: 'v20',
      platform: 'linux-x64',
      device: 'CPU, AVX2, 2 threads',
      devices: [{ name: 'cpu', description: 'CPU, AVX2, 2 threads', usable: true }],
      simdTarget: 'AVX2',
      sparseBelow: { winograd: 0.25, direct: 0.5 },
      memory: 2 ** 33,
      addon: '/addon.node',
      datasets: [
        { name: 'mnist', dir: null },
        { name: 'cifar10', dir: 'data/cifar10' },
      ],
      ...(options.layersOf !== undefined && { layers: layersOf(options.layersOf) }),
    }),
  }
  Object.assign(fake, library)
  ran.code = await run(args, async () => fake, io)
  return ran
}

/** The JSON object on the last line of standard output. */
export function jsonOf({ stdout }: Ran): Loose {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
}
