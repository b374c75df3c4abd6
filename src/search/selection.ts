// Which epoch's network a run returns: the one of best robust accuracy on images it was not trained on (decision D7).
import { pgd } from '../attacks/pgd.ts'
import type { Split } from '../data/dataset.ts'
import { evaluate } from '../evaluation/evaluate.ts'
import type { Network } from '../nn/network.ts'

export interface Selection {
  /** What the candidates are measured on. */
  readonly images: Split
  /** Every so many epochs, and after the last, the network is a candidate. */
  readonly every: number
  /** L∞ radius of the PGD-20 that they are measured with; null = natural accuracy. */
  readonly eps: number | null
}

export interface Candidate {
  readonly epoch: number
  readonly naturalAccuracy: number
  /** Absent in natural training. */
  readonly robustAccuracy?: number
}

/** Candidates of a run, the last epoch always among them. */
export function isCandidate(epoch: number, epochs: number, every: number): boolean {
  return (epoch + 1) % every === 0 || epoch === epochs - 1
}

export async function measureCandidate(
  network: Network,
  epoch: number,
  { images, eps }: Selection,
  { seed, signal }: { seed: number; signal?: AbortSignal },
): Promise<Candidate> {
  network.mode = 'eval'
  const attacks = eps === null ? [] : [pgd({ eps, steps: 20, onlyCorrect: true })]
  const { naturalAccuracy, attacks: reports } = await evaluate(network, images, { attacks, seed, signal })
  network.mode = 'train'
  return { epoch, naturalAccuracy, ...(eps !== null && { robustAccuracy: reports[0].robustAccuracy }) }
}

/** Ties keep the earlier epoch. */
export function isBetter(candidate: Candidate, best: Candidate | null): boolean {
  const score = ({ robustAccuracy, naturalAccuracy }: Candidate) => robustAccuracy ?? naturalAccuracy
  return best === null || score(candidate) > score(best)
}
