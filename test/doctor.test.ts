import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { doctor } from '../src/doctor.ts'
import { randomTicket } from '../src/search/search.ts'
import { Device } from '../src/tensor/device.ts'
import { stripes } from './search/synthetic-dataset.ts'

describe('doctor', () => {
  it('reports the device and the shares below which layers are sparse', async () => {
    const report = await doctor()
    expect(report.device).toContain(report.simdTarget)
    expect(report.sparseBelow.winograd).toBeGreaterThan(0)
    expect(report.sparseBelow.direct).toBeGreaterThan(report.sparseBelow.winograd)
    expect(report).not.toHaveProperty('layers')
    expect(new Device({ sparse: 'never' }).sparseBelow).toEqual({ winograd: 0, direct: 0 })
  })

  it('reports the kernels of each layer of an architecture', async () => {
    const { winograd, direct } = (await doctor()).sparseBelow
    const kernelsAt = async (remainingRatio: number) => {
      const { layers } = await doctor({ layersOf: { arch: 'resnet18-cifar', width: 0.25, remainingRatio } })
      return new Map(layers!.map(layer => [layer.name, layer]))
    }
    const sparse = await kernelsAt(winograd - 0.01)
    expect(sparse.size).toBe(21)
    for (const { forward, inputGradient, density } of sparse.values()) {
      expect([forward, inputGradient]).toEqual(['sparse', 'sparse'])
      expect(density).toBeCloseTo(winograd - 0.01, 2)
    }
    const mixed = await kernelsAt((winograd + direct) / 2)
    expect(mixed.get('layer2.0.conv1')).toMatchObject({
      weightShape: [32, 16, 3, 3],
      stride: 2,
      inputSize: [32, 32],
      forward: 'sparse',
      inputGradient: 'sparse',
    })
    expect(mixed.get('layer2.0.conv2')).toMatchObject({ forward: 'winograd', inputGradient: 'winograd' })
    const dense = await kernelsAt(1)
    expect(dense.get('layer2.0.conv1')).toMatchObject({
      density: 1,
      forward: 'direct',
      inputGradient: 'direct',
    })
    expect(dense.get('layer2.0.conv2')!.forward).toBe('winograd')
  })

  it('reports those of a ticket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rst-doctor-'))
    const file = join(folder, 'ticket.safetensors')
    const options = { arch: 'conv2', width: 0.1, data: stripes(), remainingRatio: 0.2, batchSize: 40 }
    using ticket = await randomTicket(options)
    await ticket.save(file)
    const { layers } = await doctor({ layersOf: file })
    expect(layers!.map(({ name }) => name)).toEqual(ticket.network.convolutions.map(({ spec }) => spec.name))
    const [first] = layers!
    expect(first).toMatchObject({ inputSize: [8, 8], forward: 'sparse' })
    const mask = await ticket.network.convolutions[0].mask!.data()
    expect(first.density).toBe(mask.reduce((sum, bit) => sum + bit, 0) / mask.length)
    await rm(folder, { recursive: true })
  })

  it('refuses what no network is', async () => {
    const layersOf = { arch: 'conv2', remainingRatio: 2 }
    await expect(doctor({ layersOf })).rejects.toThrow(expect.objectContaining({ option: 'remainingRatio' }))
    await expect(doctor({ layersOf: { ...layersOf, remainingRatio: 1, dataset: 'none' } })).rejects.toThrow(
      expect.objectContaining({ option: 'dataset' }),
    )
    await expect(doctor({ layersOf: 'missing.safetensors' })).rejects.toThrow(
      expect.objectContaining({ name: 'TicketError' }),
    )
  })
})
