import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadTicket, type Ticket } from '../../src/saved/ticket.ts'
import { randomTicket } from '../../src/training/search.ts'
import { stripes } from '../training/synthetic-dataset.ts'

it('ten tickets loaded with four threads share one device', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rst-device-'))
  try {
    const file = join(folder, 'ticket.safetensors')
    const data = stripes({ channels: 3, size: 16, train: 16, test: 4 })
    using ticket = await randomTicket({
      arch: 'conv2',
      width: 0.1,
      data,
      remainingRatio: 0.5,
      epochs: 1,
      inner: null,
    })
    await ticket.save(file)
    const first = await loadTicket(file, { threads: 4 })
    const threads = async () => (await readdir('/proc/self/task').catch(() => [])).length
    const before = await threads()
    const loaded: Ticket[] = []
    for (let i = 0; i < 9; i++) loaded.push(await loadTicket(file, { threads: 4 }))
    expect(new Set([first, ...loaded].map(one => one.device)).size).toBe(1)
    expect(await threads()).toBe(before)
    for (const one of [first, ...loaded]) one.dispose()
  } finally {
    await rm(folder, { recursive: true })
  }
})
