import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { jsonOf, rst } from './run-rst.ts'
import { data, fashion, out, ticket, useWorkspace } from './workspace.ts'

useWorkspace()

describe('rst train', () => {
  it('trains a dense network', async () => {
    const ran = await rst([
      'train',
      '--arch',
      'conv2',
      ...fashion(),
      '--out',
      out(),
      '--attack',
      'none',
      '--json',
    ])
    expect(ran.code).toBe(0)
    expect(ran.calls.trainDense[0]).toMatchObject({ arch: 'conv2', inner: null, width: 1 })
    expect(jsonOf(ran)).toMatchObject({
      checkpoint: join(out(), 'model.safetensors'),
      naturalAccuracy: 0.6,
      robustAccuracy: 0.3,
    })
  })

  it('has no ratio', async () => {
    expect((await rst(['train', '--ratio', '0.1'])).code).toBe(2)
  })
})

describe('rst finetune', () => {
  it('trains the weights of a ticket', async () => {
    const ran = await rst([
      'finetune',
      '--ticket',
      ticket,
      '--weights',
      'reinit',
      '--data',
      join(data, 'idx'),
      '--out',
      out(),
      '--json',
    ])
    expect(ran.stderr).not.toContain('error')
    expect(ran.calls.finetune[0]).toMatchObject({
      weights: 'reinit',
      ticket: { metadata: { arch: 'conv2' } },
    })
    // The ticket's device is its own, given to loadTicket.
    expect(Object.keys(ran.calls.finetune[0])).not.toEqual(expect.arrayContaining(['device']))
    expect(ran.calls.finetune[0].data.info.name).toBe('fashion-mnist')
    expect(jsonOf(ran)).toMatchObject({
      ticket: join(out(), 'ticket.safetensors'),
      remainingRatio: 0.3,
      naturalAccuracy: 0.6,
    })
  })

  it('needs a ticket', async () => {
    const ran = await rst(['finetune'])
    expect([ran.code, ran.stderr]).toEqual([
      2,
      'error: --ticket is required: give the path of a ticket file.\n',
    ])
  })
})
