import { describe, expect, it } from 'vitest'
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
