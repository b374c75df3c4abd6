// What the commands need of the library. main.ts passes the real one, tests a small fake.
import type { Attack } from '../attacks/attack.ts'
import type { Classifier } from '../attacks/classifier.ts'
import type { InnerAttack } from '../attacks/inner-attack.ts'
import type { Split } from '../data/dataset.ts'
import type { DoctorReport, MaskedArchitecture } from '../doctor.ts'
import type { EvaluateOptions, Evaluation } from '../evaluation/evaluate.ts'
import type { SearchOptions, TrainingOptions } from '../search/options.ts'
import type { TicketMetadata } from '../tickets/ticket-data.ts'

export interface Ticket extends Classifier {
  readonly metadata: TicketMetadata
  /** Weights of all layers. */
  readonly parameters: { readonly kept: number; readonly total: number }
  /** Notes accuracies in the metadata that `save` writes. */
  recordAccuracies(accuracies: { natural: number; robust: number }): void
  save(path: string): Promise<void>
}

export interface DenseModel extends Classifier {
  save(path: string): Promise<void>
}

export type FinetuneOptions = Omit<TrainingOptions, 'arch' | 'width'> & {
  ticket: Ticket
  weights?: 'inherit' | 'reinit'
}

export interface Library {
  readonly models: {
    /** @throws ConfigError for an architecture that does not exist */
    canonicalName(arch: string): string
  }
  readonly attacks: {
    pgd(options: {
      eps: number
      stepSize?: number
      steps?: number
      norm?: 'linf' | 'l2'
      restarts?: number
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
    apgd(options: {
      eps: number
      norm?: 'linf' | 'l2'
      loss?: 'ce' | 'dlr'
      steps?: number
      restarts?: number
    }): Attack
    apgdT(options: { eps: number; norm?: 'linf' | 'l2'; steps?: number; restarts?: number }): Attack
    autoAttack(options: { eps: number; norm?: 'linf' | 'l2' }): Attack
    square(options: { eps: number; norm?: 'linf' | 'l2'; queries?: number; restarts?: number }): Attack
    bandits(options: { eps: number; norm?: 'linf' | 'l2'; queries?: number }): Attack
  }
  searchRST(options: SearchOptions): Promise<{ ticket: Ticket }>
  trainDense(options: TrainingOptions): Promise<{ model: DenseModel }>
  finetune(options: FinetuneOptions): Promise<{ ticket: Ticket }>
  loadTicket(path: string, options?: { device?: 'auto' | 'cpu'; threads?: number }): Promise<Ticket>
  /** The ticket of an untrained random mask, of the same options as a search. */
  randomTicket(options: SearchOptions): Promise<Ticket>
  evaluate(model: Classifier, split: Split, options: EvaluateOptions): Promise<Evaluation>
  doctor(options?: { layersOf?: string | MaskedArchitecture }): Promise<DoctorReport>
}
