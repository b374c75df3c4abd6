// The networks that are served: three tickets of 5 %, and the dense network whose weights they share.
import { join } from 'node:path'
import { datasets } from '../../src/data/datasets.ts'
import { randomTicket } from '../../src/training/search.ts'
import { writeModelFile } from '../peers/model-file.ts'
import { arch, Workbench } from '../workbench.ts'

export const ratio = 0.05

/** Writes all into the folder. @returns the ticket files, and the model file of the dense network */
export async function writeModels(folder: string): Promise<{ tickets: string[]; dense: string }> {
  const bench = await Workbench.open({ batch: 2, threads: 1 })
  const dense = join(folder, 'dense.safetensors')
  const network = await bench.network(1)
  await writeModelFile(dense, bench, network)
  network.dispose()
  const split = {
    images: Uint8Array.from({ length: 32 * 3072 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
    labels: Array.from({ length: 32 }, (_, i) => i % 10),
  }
  const data = datasets.fromArrays({
    name: 'noise',
    classes: 10,
    shape: [3, 32, 32],
    train: split,
    test: split,
  })
  const tickets: string[] = []
  for (const scoreSeed of [1, 2, 3]) {
    using ticket = await randomTicket({
      ...{ arch, data, remainingRatio: ratio, weightSeed: 0, scoreSeed, device: bench.device },
      ...{ inner: null, epochs: 1, batchSize: 32, augment: false, selectOn: 'last' },
    })
    const file = join(folder, `ticket-${scoreSeed}.safetensors`)
    await ticket.save(file)
    tickets.push(file)
  }
  bench.dispose()
  return { tickets, dense }
}
