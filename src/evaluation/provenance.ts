// What the numbers of an evaluation are of, in every report: which models, on which images, under which attacks, by
// which version on which device.
import type { Attack, AttackSettings } from '../attacks/frame/attack.ts'
import type { Norm } from '../attacks/frame/threat-model.ts'
import type { SplitPart } from '../data/dataset.ts'
import { type Classifier, deviceOf, type ModelIdentity } from '../nn/classifier.ts'
import { version } from '../version.ts'

/** A model that does not say what it is, such as a user's own. */
export interface UnknownModel {
  /** That nothing else is known of it. */
  readonly kind: 'classifier'
  /** First 16 hexadecimal digits of the SHA-256 of its logits of the natural images, as this device computes them. */
  readonly answers: string
}

/** Which images numbers are of. */
export interface DataProvenance {
  /** Such as 'cifar10 test'; null where the split does not say. */
  readonly name: string | null
  /** How many. */
  readonly images: number
  /** Of how many they are a part. */
  readonly of?: number
  /** 'part' where the caller chose them and did not say how. */
  readonly which: 'all' | 'part' | SplitPart['which']
  /** Of a part of a part. */
  readonly within?: SplitPart
  /** First 16 hexadecimal digits of the SHA-256 of their pixels (8 bits), labels and numbers (32 bits). */
  readonly fingerprint: string
}

/** Which attack numbers are of. */
export interface AttackProvenance {
  /** Of the attack. */
  readonly name: string
  /** Of its perturbations. */
  readonly norm: Norm
  /** Radius of its ball, pixels in [0, 1]. */
  readonly eps: number
  /** All settings of the attack. */
  readonly settings: AttackSettings
  /** Of its random draws, which are keyed by the numbers of the images. */
  readonly seed: number
}

/** What numbers are of, in every report. */
export interface Provenance {
  /** Those that were evaluated, in their order. */
  readonly models: readonly (ModelIdentity | UnknownModel)[]
  /** The images. */
  readonly data: DataProvenance
  /** In their order. */
  readonly attacks: readonly AttackProvenance[]
  /** Of rst-native. */
  readonly version: string
  /** Such as 'CPU, AVX2'. Threads are not named: they have no influence. */
  readonly device: string
}

/** @param answers the fingerprint of its natural answers */
export async function modelProvenance(
  model: Classifier,
  answers: string,
): Promise<ModelIdentity | UnknownModel> {
  return (await model.identity?.()) ?? { kind: 'classifier', answers }
}

export function attackProvenance(
  { name, norm, eps, settings = {} }: Pick<Attack, 'name' | 'norm' | 'eps' | 'settings'>,
  seed: number,
): AttackProvenance {
  return { name, norm, eps, settings, seed }
}

/** Version, and device of the model. */
export function computedWith(model: Classifier): Pick<Provenance, 'version' | 'device'> {
  const { description } = deviceOf(model)
  return { version, device: description.replace(/, \d+ threads?$/, '') }
}
