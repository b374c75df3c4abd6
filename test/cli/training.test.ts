import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readTicket } from '../../src/saved/stored-ticket.ts'
import { jsonOf, rst } from './run-rst.ts'
import { data, fashion, out, ticket, tiny, useWorkspace } from './workspace.ts'

useWorkspace()

const stored = async (name: string) => JSON.parse(await readFile(join(out(), name), 'utf8'))
/** Those of `tiny` that do not name a network. */
const short = tiny.slice(4)

describe('rst train', () => {
  it('trains a dense network', async () => {
    const args = ['train', ...tiny, ...fashion(), '--out', out(), '--attack', 'none', '--json']
    const ran = await rst(args)
    expect(ran.code).toBe(0)
    expect(await stored('config.json')).toMatchObject({ command: 'train', arch: 'conv2', inner: null })
    const json = jsonOf(ran)
    expect(Object.keys(json)).toEqual([
      ...['checkpoint', 'naturalAccuracy', 'naturalInterval', 'robustAccuracy', 'robustInterval'],
      ...['seconds', 'provenance', 'date'],
    ])
    const { model } = await stored('evaluation.json')
    expect(json).toMatchObject({
      checkpoint: join(out(), 'model.safetensors'),
      naturalAccuracy: model.naturalAccuracy,
      robustAccuracy: model.attacks[0].robustAccuracy,
    })
    expect(await readdir(out())).toContain('model.safetensors')
  })

  it('has no ratio', async () => {
    expect((await rst(['train', '--ratio', '0.1'])).code).toBe(2)
  })
})

describe('rst finetune', () => {
  it('trains the weights of a ticket', async () => {
    const images = ['--data', join(data, 'idx')]
    const args = ['finetune', '--ticket', ticket, '--weights', 'reinit', ...images, '--out', out(), ...short]
    const ran = await rst([...args, '--json'])
    expect(ran.stderr).not.toContain('error')
    expect(ran.stderr).toContain(`Fine-tuning ${ticket} on fashion-mnist; the run folder is ${out()}.`)
    expect(await stored('config.json')).toMatchObject({
      command: 'finetune',
      weights: 'reinit',
      arch: 'conv2',
      dataset: 'fashion-mnist',
    })
    const json = jsonOf(ran)
    expect(Object.keys(json)).toEqual([
      ...['ticket', 'naturalAccuracy', 'naturalInterval', 'robustAccuracy', 'robustInterval'],
      ...['remainingRatio', 'parameters', 'seconds', 'before', 'provenance', 'date'],
    ])
    const { before, after } = await stored('evaluation.json')
    expect(json).toMatchObject({
      ticket: join(out(), 'ticket.safetensors'),
      remainingRatio: 0.3,
      naturalAccuracy: after.naturalAccuracy,
      before: { naturalAccuracy: before.naturalAccuracy },
    })
    const { masks } = await readTicket(ticket)
    const tuned = await readTicket(join(out(), 'ticket.safetensors'))
    for (const [layer, { bits }] of masks) expect(tuned.masks.get(layer)!.bits).toEqual(bits)
    expect(tuned.weights).toBeDefined()
  })

  it('needs a ticket', async () => {
    const ran = await rst(['finetune'])
    expect([ran.code, ran.stderr]).toEqual([
      2,
      'error: --ticket is required: give the path of a ticket file.\n',
    ])
  })
})
