// The fast gradient sign method: Goodfellow et al., "Explaining and Harnessing Adversarial Examples" (ICLR 2015);
// with a random start, FGSM-RS: Wong et al., "Fast is better than free" (ICLR 2020).
import { computed, type OptionsOf, option } from '../inputs/rows.ts'
import { type AttackFactory, attackFactory } from './frame/attack-row.ts'
import { type GradientAttack, gradientAttack } from './frame/gradient-attack.ts'
import { epsRow, type Norm, normRow, pixelSize, threatModel } from './frame/threat-model.ts'

export const fgsmRows = {
  eps: epsRow,
  norm: normRow,
  stepSize: option(
    pixelSize,
    computed('1.25·eps', ({ eps }: { eps: number }) => 1.25 * eps),
    'step size',
    { flag: 'stepSize' },
  ),
}
/** Options of `attacks.fgsm` and `attacks.fgsmRs`. */
export type FgsmOptions = OptionsOf<typeof fgsmRows>

/**
 * One step from the image itself (Goodfellow et al., ICLR 2015, section 4). Default step size 1.25·eps, clipped to
 * eps (10/255 at 8/255, official code).
 * @throws ConfigError
 * @example
 * import { attacks, datasets, loadTicket, searchRST } from 'rst-native'
 * const data = await datasets.cifar10()
 * const fgsm = attacks.fgsm({ eps: 8 / 255 })
 * console.log(fgsm.name) // → fgsm
 * const images = Float32Array.from(data.test.images.subarray(0, 2 * 3072), pixel => pixel / 255)
 * const { robust } = await fgsm.run(await loadTicket('rst-5.safetensors'), images, data.test.labels.subarray(0, 2))
 * console.log(robust.length) // → 2
 */
export const fgsm: AttackFactory<FgsmOptions, GradientAttack> = attackFactory(
  {
    name: 'fgsm',
    title: 'FGSM',
    paper: 'Goodfellow et al., ICLR 2015',
    options: fgsmRows,
    training: {},
  },
  options => singleStep('fgsm', options, null),
)

/**
 * One step of default size 1.25·eps from a uniform random start (Wong et al., ICLR 2020, Algorithm 3).
 * @throws ConfigError
 * @example
 * import { attacks, datasets, searchRST } from 'rst-native'
 * const data = await datasets.cifar10()
 * const inner = attacks.fgsmRs({ eps: 8 / 255 })
 * const { ticket } = await searchRST({
 *   arch: 'conv2',
 *   width: 0.25,
 *   data,
 *   inner,
 *   remainingRatio: 0.1,
 *   epochs: 1,
 *   batchSize: 128,
 * })
 * console.log(ticket.metadata.arch) // → conv2
 */
export const fgsmRs: AttackFactory<FgsmOptions, GradientAttack> = attackFactory(
  {
    name: 'fgsmRs',
    title: 'FGSM-RS',
    paper: 'Wong et al., ICLR 2020',
    options: fgsmRows,
    training: {},
  },
  options => singleStep('fgsm-rs', options, 'fgsm-rs'),
)

function singleStep(
  name: string,
  { eps, norm, stepSize }: { eps: number; norm: Norm; stepSize: number },
  randomStart: 'fgsm-rs' | null,
): GradientAttack {
  const threat = threatModel({ eps, norm })
  return gradientAttack(name, { loss: 'ce', steps: 1, onlyCorrect: false, threat, stepSize, randomStart })
}
