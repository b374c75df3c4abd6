// What a closing evaluation measured, for JSON and for the ticket.
import type { Evaluation } from '../evaluation/evaluate.ts'
import type { Measurement } from '../saved/ticket-data.ts'

/** Natural accuracy, and robust accuracy under its one attack, as keys of JSON. */
export function accuraciesOf({ naturalAccuracy, naturalInterval, attacks }: Evaluation) {
  const [{ robustAccuracy, interval: robustInterval }] = attacks
  return { naturalAccuracy, naturalInterval, robustAccuracy, robustInterval }
}

/** What the accuracies of a closing evaluation are of, as a ticket notes it. */
export function measurementsOf(evaluation: Evaluation): { natural: Measurement; robust: Measurement } {
  const { naturalInterval, attacks, provenance } = evaluation
  const { data, device, version } = provenance
  const of = { data, device, version }
  const [attack] = provenance.attacks
  return {
    natural: { interval: naturalInterval, ...of },
    robust: { interval: attacks[0].interval, attack, ...of },
  }
}
