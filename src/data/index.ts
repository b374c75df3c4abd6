export type { Dataset, DatasetInfo, Split } from './dataset.ts'
export { type DatasetOptions, datasets } from './datasets.ts'
export { holdOut, subset } from './subset.ts'
