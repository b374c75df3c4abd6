// The options of a search and of every training, as users write them.
import type { OptionsOf } from '../inputs/rows.ts'
import type { searchRows, trainingRows } from './option-rows.ts'

export type { TrainingProgress } from './progress.ts'

export type TrainingOptions = OptionsOf<typeof trainingRows>

export type SearchOptions = OptionsOf<typeof searchRows>
