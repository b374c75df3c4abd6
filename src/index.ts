// The public interface of rst-native.
/// <reference lib="esnext.disposable" preserve="true" />
import './dispose-symbol.ts'

export type {
  Attack,
  AttackResult,
  AttackRunOptions,
  AttackSettings,
  PartReport,
  Passes,
  Targets,
  Warning,
} from './attacks/frame/attack.ts'
export type { AttackFactory, AttackRow } from './attacks/frame/attack-row.ts'
export type { BatchOutcome } from './attacks/frame/batch-outcome.ts'
export type { GradientAttack } from './attacks/frame/gradient-attack.ts'
export type { HostAttackSpec, HostBatchResult } from './attacks/frame/host-attack.ts'
export type { HostBatch } from './attacks/frame/host-batch.ts'
export type { ProjectedAscentSettings, ThreatModelOptions } from './attacks/frame/index.ts'
/** What attacks are made of, for one of your own. */
export * as attackFrame from './attacks/frame/index.ts'
export type { InnerAttack, InnerAttackBatch, InnerAttackSession } from './attacks/frame/inner-attack.ts'
export type { Journal } from './attacks/frame/journal.ts'
export type { Loss, UntargetedLoss } from './attacks/frame/losses.ts'
export type { CotangentOf, Oracle } from './attacks/frame/oracle.ts'
export type { Ascent, GradientBatch } from './attacks/frame/projected-gradient.ts'
export type { Norm, ThreatModel } from './attacks/frame/threat-model.ts'
/** The attacks, each a factory that takes its options. */
export * as attacks from './attacks/index.ts'
export type { Dataset, DatasetInfo, ListedDataset, Split, SplitPart } from './data/dataset.ts'
export { type DatasetOptions, datasets } from './data/datasets.ts'
export type { ArraysOptions, ImagesAndLabels } from './data/from-arrays.ts'
export { subset } from './data/subset.ts'
export type { DatasetVerification, VerifiedSplit } from './data/verify.ts'
export * from './errors.ts'
export {
  type AttackedImages,
  type AttackReport,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
} from './evaluation/evaluate.ts'
export {
  type FeatureDistance,
  type FeatureDistanceOptions,
  featureDistance,
} from './evaluation/feature-distance.ts'
export type { EvaluationProgress } from './evaluation/meter.ts'
export type {
  AttackProvenance,
  DataProvenance,
  Provenance,
  UnknownModel,
} from './evaluation/provenance.ts'
export type { RunOptions } from './evaluation/runner.ts'
export type { DistanceSummary, Interval, MeanEstimate, PairedDifference } from './evaluation/statistics.ts'
export type { Effort } from './evaluation/tally.ts'
export type { DeviceName } from './inputs/device-name.ts'
export type { JsonSchema, Kind } from './inputs/kinds.ts'
export type {
  Computed,
  DefaultRow,
  OptionalRow,
  OptionsOf,
  RequiredRow,
  Row,
  Rows,
  RowText,
} from './inputs/rows.ts'
/** The architectures by name. */
export * as models from './models/index.ts'
export type { Attributes, ConvKernel, ConvKernels, Facts, MemoryStats } from './native/addon.ts'
export type { Classifier, ModelIdentity } from './nn/classifier.ts'
/** Layers and networks, from which architectures are built. */
export * as nn from './nn/index.ts'
export type { BatchPrediction, NetworkClassifier, Prediction } from './nn/network-classifier.ts'
/** Adversaries of a random switch, each a factory that takes its options. */
export * as adversaries from './r2s/adversaries.ts'
export type { BestTicket } from './r2s/best-ticket.ts'
export {
  evaluateR2S,
  type SwitchEvaluationOptions,
  type SwitchExpectation,
  type SwitchReport,
  type SwitchSimulation,
} from './r2s/evaluate.ts'
export type { SwitchExpectations, Uncertainties } from './r2s/expectations.ts'
export { R2S, type SwitchBatchPrediction, type SwitchOptions, type SwitchPrediction } from './r2s/r2s.ts'
export type { SwitchAttack, SwitchAttackResult } from './r2s/switch-attack.ts'
export { type TransferMatrix, type TransferOptions, transferMatrix } from './r2s/transfer.ts'
export type { Draws } from './random/draws.ts'
export { type DoctorOptions, type DoctorReport, doctor, type MaskedArchitecture } from './runs/doctor.ts'
/** What the commands of `rst` do, callable from a program. */
export * as runs from './runs/index.ts'
export type { Machine } from './runs/machine.ts'
export { type TicketAccount, type TicketAccounts, ticketAccounts } from './saved/accounting.ts'
export { type DenseMetadata, type DenseModel, loadDense } from './saved/dense-model.ts'
export { loadTicket, type Ticket } from './saved/ticket.ts'
export type {
  Json,
  LayerMask,
  Measurement,
  Normalisation,
  ParameterCount,
  TicketData,
  TicketMetadata,
} from './saved/ticket-data.ts'
export { Device, type DeviceOptions } from './tensor/device.ts'
export type { Elements, TypedArrayOf } from './tensor/elements.ts'
export { type ListedDevice, listDevices } from './tensor/list-devices.ts'
/** What can be computed with tensors, with gradients where there are any. */
export * as ops from './tensor/ops/index.ts'
export type { Placement } from './tensor/placement.ts'
export type { Recording } from './tensor/recording.ts'
export { scope } from './tensor/scope.ts'
export { grad, type Pullback, vjp } from './tensor/tape.ts'
export { type DType, Tensor, type TensorOptions, tensor } from './tensor/tensor.ts'
export { upload } from './tensor/upload.ts'
export { type DenseOptions, trainDense } from './training/dense.ts'
export { type FinetuneOptions, finetune } from './training/finetune.ts'
export type { SearchOptions, TrainingOptions, TrainingProgress } from './training/options.ts'
export type { Schedule } from './training/schedule.ts'
export { randomTicket, searchRST } from './training/search.ts'
export type { Candidate } from './training/selection.ts'
export type { EpochRecord } from './training/training-state.ts'
export { version } from './version.ts'
