// What each command of the program does, callable without a terminal: the public namespace `runs`.

export type { RecordedAttack } from '../attacks/frame/saved.ts'
export { ticketAccounts as info } from '../saved/accounting.ts'
export type { Accuracies, ClosingOptions, Dated, TrainingReport } from './closing-evaluation.ts'
export { type DoctorOptions, type DoctorReport, doctor, type MaskedArchitecture } from './doctor.ts'
export {
  type CompletedEvaluation,
  type EvaluateRun,
  type EvaluateRunOptions,
  type EvaluationReport,
  evaluate,
} from './evaluate.ts'
export type { EvaluationRunOptions, Known } from './evaluation-run.ts'
export { type FinetuneRun, type FinetuneRunOptions, finetune } from './finetune.ts'
export { type R2SRun, type R2SRunOptions, r2s } from './r2s.ts'
export type { DataPlace, ImageChoice } from './run-data.ts'
export type { BegunRun, RunEvents } from './run-events.ts'
export { type SearchRun, type SearchRunOptions, search } from './search.ts'
export type { SwitchReport, SwitchRunOptions } from './switch-run.ts'
export { type TrainRun, type TrainRunOptions, train } from './train.ts'
export type { TrainingRunOptions } from './training-run.ts'
export { type TransferRun, type TransferRunOptions, transfer } from './transfer.ts'
export { type VerifyDataOptions, verifyData } from './verify-data.ts'
