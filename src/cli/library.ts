// What the commands need of the library. main.ts passes the real one, tests a small fake.
import type { Attack } from '../attacks/frame/attack.ts'
import type { InnerAttack } from '../attacks/frame/inner-attack.ts'
import type { UntargetedLoss } from '../attacks/frame/losses.ts'
import type { Split } from '../data/dataset.ts'
import type { EvaluateOptions, Evaluation } from '../evaluation/evaluate.ts'
import type { DeviceName } from '../inputs/device-name.ts'
import type { Classifier } from '../nn/classifier.ts'
import type { SwitchEvaluationOptions, SwitchExpectation, SwitchSimulation } from '../r2s/evaluate.ts'
import type { SwitchAttack } from '../r2s/switch-attack.ts'
import type { TransferMatrix, TransferOptions } from '../r2s/transfer.ts'
import type { DoctorReport, MaskedArchitecture } from '../runs/doctor.ts'
import type { DenseModel as LoadedDenseModel } from '../saved/dense-model.ts'
import type { Measurement, TicketMetadata } from '../saved/ticket-data.ts'
import type { SearchOptions, TrainingOptions } from '../training/options.ts'

export interface Ticket extends Classifier {
  readonly metadata: TicketMetadata
  /** Weights of all layers. */
  readonly parameters: { readonly kept: number; readonly total: number }
  /** Notes accuracies, and what they are of, in the metadata that `save` writes. */
  recordAccuracies(
    accuracies: { natural: number; robust: number },
    measured: Readonly<Record<string, Measurement>>,
  ): void
  save(path: string): Promise<void>
}

export interface DenseModel extends Classifier {
  save(path: string): Promise<void>
}

export type FinetuneOptions = Omit<TrainingOptions, 'arch' | 'width' | 'device' | 'threads'> & {
  ticket: Ticket
  weights?: 'inherit' | 'reinit'
}

/** Of the adversaries of a switch; each reads what it knows. */
export interface AdversaryOptions {
  eps: number
  norm?: 'linf' | 'l2'
  steps?: number
  stepSize?: number
  restarts?: number
}

export interface Switch {
  readonly tickets: readonly Ticket[]
}

export interface Library {
  readonly models: {
    /** @throws ConfigError for an architecture that does not exist */
    canonicalName(arch: string): string
  }
  readonly attacks: {
    pgd(options: {
      eps: number
      loss?: UntargetedLoss
      stepSize?: number
      steps?: number
      norm?: 'linf' | 'l2'
      restarts?: number
      onlyCorrect?: boolean
    }): Attack & InnerAttack
    fgsm(options: { eps: number; stepSize?: number; norm?: 'linf' | 'l2' }): Attack & InnerAttack
    fgsmRs(options: { eps: number; stepSize?: number; norm?: 'linf' | 'l2' }): Attack & InnerAttack
    fab(options: {
      eps: number
      norm?: 'linf' | 'l2'
      steps?: number
      restarts?: number
      targeted?: boolean
    }): Attack
    cwLinf(options: { eps: number; stepSize?: number; steps?: number; restarts?: number }): Attack
    cwL2(options: { eps: number; iterations?: number }): Attack
    /** Free adversarial training: each batch is replayed with the perturbation kept. */
    free(options: { eps: number; stepSize?: number; replays?: number }): InnerAttack
    square(options: { eps: number; norm?: 'linf' | 'l2'; queries?: number; restarts?: number }): Attack
    bandits(options: { eps: number; norm?: 'linf' | 'l2'; queries?: number }): Attack
    apgd(options: {
      eps: number
      norm?: 'linf' | 'l2'
      loss?: 'ce' | 'dlr'
      steps?: number
      restarts?: number
    }): Attack
    apgdT(options: { eps: number; norm?: 'linf' | 'l2'; steps?: number; restarts?: number }): Attack
    autoAttack(options: { eps: number; norm?: 'linf' | 'l2'; version?: 'standard' | 'plus' }): Attack
  }
  searchRST(options: SearchOptions): Promise<{ ticket: Ticket }>
  trainDense(options: TrainingOptions): Promise<{ model: DenseModel }>
  loadDense(path: string, options?: { device?: DeviceName; threads?: number }): Promise<LoadedDenseModel>
  finetune(options: FinetuneOptions): Promise<{ ticket: Ticket }>
  loadTicket(path: string, options?: { device?: DeviceName; threads?: number }): Promise<Ticket>
  /** The ticket of an untrained random mask, of the same options as a search. */
  randomTicket(options: SearchOptions): Promise<Ticket>
  readonly R2S: {
    /** Loads tickets of one random network onto one device. */
    load(paths: readonly string[], options?: { device?: DeviceName; threads?: number }): Promise<Switch>
  }
  readonly adversaries: {
    random(attack: Attack): SwitchAttack
    eot(options: AdversaryOptions): SwitchAttack
    eotApgd(options: Omit<AdversaryOptions, 'stepSize'>): SwitchAttack
    ensembleLogits(options: AdversaryOptions): SwitchAttack
    ensembleProbs(options: AdversaryOptions): SwitchAttack
    arc(options: Omit<AdversaryOptions, 'restarts'>): SwitchAttack
  }
  transferMatrix(
    tickets: readonly Classifier[],
    split: Split,
    options: TransferOptions,
  ): Promise<TransferMatrix>
  evaluateR2S(
    r2s: Switch,
    split: Split,
    options: SwitchEvaluationOptions,
  ): Promise<SwitchExpectation | SwitchSimulation>
  evaluate(model: Classifier, split: Split, options: EvaluateOptions): Promise<Evaluation>
  doctor(options?: { layersOf?: string | MaskedArchitecture }): Promise<DoctorReport>
}
