// Which epoch's network a run returns: the one of best robust accuracy on images it was not trained on (decision D7).
import type { Attack } from '../attacks/frame/attack.ts'
import type { Split } from '../data/dataset.ts'
import { evaluate } from '../evaluation/evaluate.ts'
import type { Network } from '../nn/network.ts'

export interface Selection {
  /** What the candidates are measured on. */
  readonly images: Split
  /** Every so many epochs, and after the last, the network is a candidate. */
  readonly every: number
  /** What they are measured under; null = natural accuracy. */
  readonly attack: Attack | null
}

/** What the network was measured at after an epoch, to choose the best. */
export interface Candidate {
  /** From 0. */
  readonly epoch: number
  /** On images that it was not trained on. */
  readonly naturalAccuracy: number
  /** On the same images under attack; absent in natural training. */
  readonly robustAccuracy?: number
}

/** Candidates of a run, the last epoch always among them. */
export function isCandidate(epoch: number, epochs: number, every: number): boolean {
  return (epoch + 1) % every === 0 || epoch === epochs - 1
}

export async function measureCandidate(
  network: Network,
  epoch: number,
  { images, attack }: Selection,
  { seed, signal }: { seed: number; signal?: AbortSignal },
): Promise<Candidate> {
  const attacks = attack === null ? [] : [attack]
  network.mode = 'eval'
  try {
    const { naturalAccuracy, attacks: reports } = await evaluate(network, images, { attacks, seed, signal })
    return { epoch, naturalAccuracy, ...(attack && { robustAccuracy: reports[0].robustAccuracy }) }
  } finally {
    network.mode = 'train'
  }
}

/** Ties keep the earlier epoch. */
export function isBetter(candidate: Candidate, best: Candidate | null): boolean {
  const score = ({ robustAccuracy, naturalAccuracy }: Candidate) => robustAccuracy ?? naturalAccuracy
  return best === null || score(candidate) > score(best)
}
