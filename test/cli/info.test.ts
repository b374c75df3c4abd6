import { describe, expect, it } from 'vitest'
import { writeTicket } from '../../src/saved/stored-ticket.ts'
import { exampleTicket } from '../saved/example-ticket.ts'
import { jsonOf, rst } from './run-rst.ts'
import { ticket, useWorkspace } from './workspace.ts'

useWorkspace()

describe('rst info', () => {
  it('prints origin, weights kept and bytes of a ticket', async () => {
    const ran = await rst(['info', ticket])
    expect(ran.code).toBe(0)
    for (const part of [ticket, 'weights kept', 'mask', 'batch norm', 'the dense checkpoint takes']) {
      expect(ran.stdout).toContain(part)
    }
  })

  it('says what accuracies are of, and of older tickets that they do not say', async () => {
    await writeTicket(ticket, exampleTicket())
    expect((await rst(['info', ticket])).stdout).toContain('robust 45.0 %; the ticket does not say of what')
    const of = {
      data: {
        ...{ name: 'mnist test', images: 500, of: 10_000, which: { subsetSeed: 0 } },
        fingerprint: '0123456789abcdef',
      },
      version: '0.1.0',
      device: 'CPU, AVX2',
    }
    const attack = { name: 'pgd-20', norm: 'linf' as const, eps: 8 / 255, settings: {}, seed: 0 }
    const measured = {
      natural: { interval: [0.66, 0.74] as const, ...of },
      robust: { interval: [0.41, 0.49] as const, attack, ...of },
    }
    await writeTicket(ticket, exampleTicket({ measured }))
    const { stdout } = await rst(['info', ticket])
    expect(stdout).toMatch(/ {2}hash +[0-9a-f]{64}\n/)
    expect(stdout).toContain(
      'natural 70.0 % (66.0–74.0) on 500 of 10,000 images of mnist test (subset of seed 0); rst-native 0.1.0, CPU, AVX2',
    )
    expect(stdout).toContain(
      'robust 45.0 % (41.0–49.0) under pgd-20 (L∞ 8/255), attack seed 0, on 500 of 10,000 images',
    )
    expect(jsonOf(await rst(['info', ticket, '--json'])).tickets[0].metadata.measured).toEqual(measured)
  })

  it('adds up several, and says whether they share a network', async () => {
    const ran = await rst(['info', ticket, ticket, '--json'])
    expect((await rst(['info', ticket, ticket])).stdout).toContain('2 tickets')
    const json = jsonOf(ran)
    expect(json.tickets).toHaveLength(2)
    expect(json.bytes.files).toBe(2 * json.tickets[0].bytes.file)
    expect(typeof json.sharedNetwork).toBe('boolean')
  })

  it('needs a file that is a ticket', async () => {
    expect((await rst(['info'])).code).toBe(2)
    const ran = await rst(['info', 'none.safetensors'])
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain('there is no such file')
  })
})
