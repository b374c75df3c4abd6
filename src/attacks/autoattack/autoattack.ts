// AutoAttack: Croce & Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free
// Attacks" (ICML 2020). An image is robust if it withstands every attack of the series.
import { ConfigError } from '../../errors.ts'
import { flag, kind, oneOf } from '../../inputs/kinds.ts'
import { type OptionsOf, option, optionalOption } from '../../inputs/rows.ts'
import type { Classifier } from '../../nn/classifier.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import {
  type Attack,
  type AttackResult,
  type AttackRunOptions,
  type PartReport,
  type Passes,
  passesOf,
  type Warning,
} from '../frame/attack.ts'
import { type AttackFactory, attackFactory } from '../frame/attack-row.ts'
import { within } from '../frame/journal.ts'
import { topClass } from '../frame/losses.ts'
import { Oracle, row, rows } from '../frame/oracle.ts'
import { checkedRun } from '../frame/run-options.ts'
import { epsRow, normRow, type ThreatModel, threatModel } from '../frame/threat-model.ts'
import { checkBlackBox, checkClassCount, checkModel, type PartResult, type Probe } from './checks.ts'
import {
  type AutoAttackPart,
  type AutoAttackVersion,
  makePart,
  partNames,
  partsFor,
  versionNames,
  versionParts,
} from './parts.ts'

const isAttack = (value: unknown) =>
  typeof value === 'object' && value !== null && typeof (value as Partial<Attack>).run === 'function'

export const autoAttackRows = {
  eps: epsRow,
  norm: normRow,
  version: option(oneOf(versionNames), 'standard', 'the series of attacks', {
    more: "'standard': apgd-ce, apgd-t, fab-t, square, one run each. 'plus': apgd-ce, apgd-dlr, fab with five restarts each, square, apgd-t, fab-t. 'rand', for models that answer at random: apgd-ce and apgd-dlr on the mean of 20 passes. 'custom': those of `attacks`.",
  }),
  attacks: optionalOption(
    kind<readonly (AutoAttackPart | Attack)[]>(
      `an array of attacks, or of names among ${partNames.join(', ')},`,
      value => Array.isArray(value) && value.every(part => typeof part === 'string' || isAttack(part)),
    ),
    "what 'custom' runs, in this order: names, with the settings of 'standard', or attacks of the same eps and norm",
  ),
  checks: option(
    flag,
    true,
    'probe model and evaluation for what makes robust accuracy misleading; findings are warnings',
  ),
}
/** Options of `attacks.autoAttack`. */
export type AutoAttackOptions = OptionsOf<typeof autoAttackRows>

/** What AutoAttack found: also which attack of its series broke each image. */
export type AutoAttackResult = AttackResult & Required<Pick<AttackResult, 'brokenBy' | 'parts'>>

/** AutoAttack, whose results say which attack of its series broke each image. */
export interface AutoAttack extends Attack {
  /**
   * Attacks images; see Attack. It takes no targets.
   * @param model what is attacked; one that answers at random only with version 'rand'
   * @param images [N, C, H, W] in [0, 1], as a tensor or its elements
   * @param labels their classes, [N]
   * @param options seed, batch size, signal and progress
   * @throws ShapeError, ConfigError, AbortError
   */
  run(
    model: Classifier,
    images: Float32Array | Tensor,
    labels: ArrayLike<number>,
    options?: AttackRunOptions,
  ): Promise<AutoAttackResult>
}

/** Images that a model is probed with. */
const probeImages = 16

/**
 * An ensemble of parameter-free attacks (Croce & Hein, ICML 2020): an image is robust if it withstands each of
 * them.
 *
 * Each attack starts from the images themselves and works on those that none before has broken. Robust images come
 * back as they were. The bestLoss is that of the attack that broke the image, or else of the first attack; those of
 * different attacks do not compare.
 *
 * A never broken image of ten classes costs 7,820 forward and 1,900 backward passes by the standard version, apart
 * from the checks (the reference code takes 7,864 and 1,910): apgd-ce 103 and 100, apgd-t 911 and 900, fab-t 1,802
 * and 900, square 5,003, and 1 to see whether it is right at all.
 *
 * All attacks are given the same seed; each draws from streams of its own. Of a model that answers at random, robust
 * means right in one answer after each attack.
 * @throws ConfigError
 * @example
 * ```ts no-run
 * import { attacks, datasets, evaluate, loadTicket } from 'rst-native'
 * const [ticket, { test }] = [await loadTicket('rst-5.safetensors'), await datasets.cifar10()]
 * const autoAttack = attacks.autoAttack({ eps: 8 / 255 })
 * const { attacks: [report] } = await evaluate(ticket, test, { attacks: [autoAttack], first: 1000 })
 * console.log(report.robustAccuracy, report.warnings.map(({ code }) => code))
 * for (const { name, attacked, broken } of report.parts ?? []) console.log(name, attacked, broken)
 * ```
 */
export const autoAttack: AttackFactory<AutoAttackOptions, AutoAttack> = attackFactory(
  {
    name: 'autoAttack',
    title: 'AutoAttack',
    paper: 'Croce & Hein, ICML 2020',
    options: autoAttackRows,
    targeted: false,
    commands: { autoattack: { version: 'standard' }, 'autoattack-plus': { version: 'plus' } },
  },
  ({ eps, norm, version, attacks, checks }) => {
    const threat = threatModel({ eps, norm })
    checkVersion(version, attacks)
    for (const attack of attacks ?? []) checkPart(attack, threat)
    const wantedOf = (classes: number) => (version === 'custom' ? attacks! : partsFor(version, classes))
    const seriesOf = (classes: number) =>
      wantedOf(classes).map(part =>
        typeof part === 'string' ? makePart(part, version, eps, norm, classes) : part,
      )
    const name = version === 'standard' ? 'autoattack' : `autoattack-${version}`
    return {
      name,
      eps,
      norm,
      settings: { eps, norm, version, checks, ...(version === 'custom' && { attacks: partList(attacks!) }) },
      passes: classes =>
        sumOf([{ forwards: 1, backwards: 0 }, ...seriesOf(classes).map(p => passesOf(p, classes))]),
      async run(model, images, labels, options = {}) {
        const given = await checkedRun(name, model, images, labels, options, false)
        const { pixels, sampleIds: ids } = given
        const { batchSize = 256, signal, onProgress, journal, seed = 0 } = options
        const oracle = new Oracle(model, signal)
        const { imageSize, classes } = oracle
        if (model.randomized && version !== 'rand') {
          throw new ConfigError(
            `Expected a model that answers the same each time for AutoAttack ${version} but received a randomized one, whose single answers decide nothing: pin a ticket (r2s.pinned(0)), or compute the exact expectation (evaluateR2S, rst r2s --adversary eot or arc).`,
            'model',
          )
        }
        const total = given.labels.length
        const wanted = version === 'custom' ? attacks! : versionParts[version]
        const chosen = wantedOf(classes)
        const series = seriesOf(classes)
        const efforts = series.map(part => workOf(passesOf(part, classes)))
        const warnings = new Map<string, Warning>()
        const warn = (found: readonly (Warning | null)[]) => {
          for (const warning of found) if (warning) warnings.set(warning.code, warning)
        }
        warn([checkClassCount(namesAmong(wanted), namesAmong(chosen), classes)])

        const robust = await rightAtFirst(oracle, pixels, given.labels, batchSize)
        const brokenBy: (string | null)[] = Array.from(robust, right => (right === 1 ? null : 'clean'))
        const adversarial = new Float32Array(pixels)
        const bestLoss = new Float32Array(total).fill(Number.NEGATIVE_INFINITY)
        if (checks && total > 0) {
          const probe = probeOf(pixels, given.labels, ids, imageSize)
          warn(await checkModel(oracle, probe, norm, { random: version === 'rand' }))
        }

        const reports: PartReport[] = []
        const results: PartResult[] = []
        /** Passes done, and those to come if no further image is broken: they weigh the progress. */
        let done = 0
        for (const [p, part] of series.entries()) {
          const standing = [...robust.keys()].filter(n => robust[n] === 1)
          if (standing.length === 0) break
          const start = performance.now()
          const toCome = efforts.slice(p).reduce((sum, effort) => sum + effort, 0) * standing.length
          const result = await part.run(
            model,
            rows(pixels, standing, imageSize),
            standing.map(n => given.labels[n]),
            {
              seed,
              batchSize,
              sampleIds: standing.map(n => ids[n]),
              signal,
              journal: within(journal, `${p}-${part.name}`),
              onProgress({ images: finished }) {
                const share = (done + efforts[p] * finished) / (done + toCome)
                onProgress?.({ images: Math.floor(total * share), total })
              },
            },
          )
          done += efforts[p] * standing.length
          const broken = standing.filter((_, i) => result.robust[i] === 0)
          for (const [i, n] of standing.entries()) {
            if (p === 0 || result.robust[i] === 0) bestLoss[n] = result.bestLoss[i]
            if (result.robust[i] === 1) continue
            robust[n] = 0
            brokenBy[n] = part.name
            adversarial.set(row(result.adversarial, i, imageSize), n * imageSize)
          }
          const { forwards, backwards } = result
          reports.push({
            name: part.name,
            attacked: standing.length,
            broken: broken.length,
            forwards,
            backwards,
            seconds: (performance.now() - start) / 1000,
          })
          results.push({ name: part.name, usesGradients: backwards > 0, broken: broken.map(n => ids[n]) })
          warn(result.warnings)
        }
        if (checks) warn([checkBlackBox(results, total)])
        if (reports.length < series.length) onProgress?.({ images: total, total })
        return {
          adversarial,
          robust,
          bestLoss,
          ...sumOf([oracle, ...reports]),
          warnings: [...warnings.values()],
          brokenBy,
          parts: reports,
        }
      },
    }
  },
)

/** 1 where the model is right on the image itself, [N]. */
async function rightAtFirst(
  oracle: Oracle,
  pixels: Float32Array,
  labels: ArrayLike<number>,
  batchSize: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { imageSize, classes } = oracle
  const right = new Uint8Array(labels.length)
  for (let from = 0; from < labels.length; from += batchSize) {
    const to = Math.min(labels.length, from + batchSize)
    const batch = new Float32Array(pixels.subarray(from * imageSize, to * imageSize))
    const logits = await oracle.logits(batch)
    for (let n = from; n < to; n++) {
      right[n] = topClass(row(logits, n - from, classes)) === labels[n] ? 1 : 0
    }
  }
  return right
}

function probeOf(
  pixels: Float32Array,
  labels: ArrayLike<number>,
  ids: ArrayLike<number>,
  imageSize: number,
): Probe {
  const count = Math.min(probeImages, labels.length)
  return {
    count,
    images: new Float32Array(pixels.subarray(0, count * imageSize)),
    labels: Int32Array.from({ length: count }, (_, n) => labels[n]),
    ids,
  }
}

const namesAmong = (parts: readonly (AutoAttackPart | Attack)[]) =>
  parts.filter(part => typeof part === 'string')

/** What 'custom' runs, for its settings. */
const partList = (parts: readonly (AutoAttackPart | Attack)[]) =>
  parts
    .map(part => (typeof part === 'string' ? part : `${part.name} ${JSON.stringify(part.settings)}`))
    .join(', ')

const workOf = ({ forwards, backwards }: Passes) => forwards + backwards
const sumOf = (all: readonly Passes[]): Passes => ({
  forwards: all.reduce((sum, { forwards }) => sum + forwards, 0),
  backwards: all.reduce((sum, { backwards }) => sum + backwards, 0),
})

function checkVersion(version: AutoAttackVersion, attacks: AutoAttackOptions['attacks']): void {
  if (version === 'custom' && !attacks?.length) {
    throw new ConfigError("Version 'custom' needs attacks: name at least one.", 'attacks')
  }
  if (version !== 'custom' && attacks) {
    throw new ConfigError(`Attacks are chosen with version 'custom' but version is '${version}'.`, 'attacks')
  }
}

function checkPart(part: AutoAttackPart | Attack, threat: ThreatModel): void {
  if (typeof part === 'string') {
    if (partNames.includes(part)) return
    throw new ConfigError(
      `Expected attacks among ${partNames.join(', ')}, or attacks themselves, but received '${part}'.`,
      'attacks',
    )
  }
  if (part.eps === threat.eps && part.norm === threat.norm) return
  throw new ConfigError(
    `Expected attacks of ${threat.norm} and eps ${threat.eps} but ${part.name} has ${part.norm} and ${part.eps}.`,
    'attacks',
  )
}
