// The options of a search and of every training, as users write them.
import type { OptionsOf } from '../inputs/rows.ts'
import type { searchRows, trainingRows } from './option-rows.ts'

export type { TrainingProgress } from './progress.ts'

/** What all trainings read. */
export type TrainingOptions = OptionsOf<typeof trainingRows>

/** Options of `searchRST` and `randomTicket`. */
export type SearchOptions = OptionsOf<typeof searchRows>
