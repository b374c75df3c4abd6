import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { doctor } from '../../src/runs/doctor.ts'
import { relevantEnvironment } from '../../src/runs/machine.ts'
import { Device } from '../../src/tensor/device.ts'
import { randomTicket } from '../../src/training/search.ts'
import { stripes } from '../training/synthetic-dataset.ts'

describe('doctor', () => {
  it('reports the device and the shares below which layers are sparse', async () => {
    const report = await doctor()
    expect(report.device).toContain(report.facts.simdTarget)
    expect(report.missingOps).toEqual([])
    expect(report.devices.map(({ name, usable }) => [name, usable])).toEqual([
      ['cpu', true],
      ['cuda', false],
    ])
    const { sparseBelowWinograd: winograd, sparseBelowDirect: direct } = report.facts as Record<
      string,
      number
    >
    expect(winograd).toBeGreaterThan(0)
    expect(direct).toBeGreaterThan(winograd)
    expect(report).not.toHaveProperty('error')
    expect(report).not.toHaveProperty('layers')
    using dense = new Device({ sparse: 'never' })
    expect(dense.facts).toMatchObject({ sparseBelowWinograd: 0, sparseBelowDirect: 0 })
  })

  it('reports the machine, where the addon comes from, and the environment', async () => {
    const report = await doctor()
    expect(report).toMatchObject({
      platform: `${process.platform}-${process.arch}`,
      release: release(),
      cores: cpus().length,
      usableCores: availableParallelism(),
      memory: totalmem(),
      addonFrom: report.addon!.includes('/prebuilds/') ? 'prebuilt' : 'source',
    })
    expect(report.usableMemory).toBeGreaterThan(0)
    expect(report.usableMemory).toBeLessThanOrEqual(report.memory)
    if (process.platform === 'linux') expect(report.libc).toMatch(/^glibc 2\.\d+$|^musl$/)
    expect(relevantEnvironment({ RST_DEVICE: 'cpu', NODE_OPTIONS: '--x', HOME: '/h', TOKEN: 's' })).toEqual({
      NODE_OPTIONS: '--x',
      RST_DEVICE: 'cpu',
    })
  })

  it('reports the kernels of each layer of an architecture', async () => {
    const { sparseBelowWinograd: winograd, sparseBelowDirect: direct } = (await doctor()).facts as Record<
      string,
      number
    >
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

  it.each<[object, string]>([
    [{ layers: 'conv2' }, 'doctor has no option layers'],
    [{ layersOf: 5 }, 'the path of a ticket or an object'],
    [{ layersOf: [] }, 'the path of a ticket or an object'],
    [{ layersOf: { arch: 'conv2' } }, 'for remainingRatio of layersOf but received nothing'],
    [{ layersOf: { arch: 'conv2', remainingRatio: 0.5, ratio: 1 } }, 'layersOf has no option ratio'],
    [{ layersOf: { arch: 'conv2', remainingRatio: 0.5, pattern: 'block' } }, 'for pattern of layersOf'],
    [{ layersOf: { arch: 'conv2', remainingRatio: 0.5, width: 0 } }, 'for width of layersOf'],
  ])('refuses %j', async (options, message) => {
    await expect(doctor(options)).rejects.toThrow(message)
  })
})

const built = existsSync('dist/cli/main.js')
if (!built) console.warn('skipped: dist is not built; run npm run build:all')

describe.skipIf(!built)('rst doctor where the native addon', () => {
  const broken = join('build', 'Release', 'rst-native.node')
  it.each<[string, (folder: string) => Promise<unknown>, string | null]>([
    ['is missing', async () => {}, null],
    [
      'is no library',
      async folder => {
        await mkdir(join(folder, 'build', 'Release'), { recursive: true })
        await writeFile(join(folder, broken), 'not a library')
      },
      broken,
    ],
  ])('%s reports everything else, the cause and the cure, and exits with 1', async (_, prepare, addon) => {
    const folder = await mkdtemp(join(tmpdir(), 'rst-doctor-'))
    try {
      await cp('dist', join(folder, 'dist'), { recursive: true })
      await copyFile('package.json', join(folder, 'package.json'))
      await symlink(resolve('node_modules'), join(folder, 'node_modules'))
      await prepare(folder)
      const rst = (...args: string[]) =>
        spawnSync(process.execPath, [join(folder, 'dist/cli/main.js'), 'doctor', ...args], {
          encoding: 'utf8',
          cwd: folder,
          env: { ...process.env, RST_DEBUG: 'sync' },
        })
      const { status, stdout, stderr } = rst()
      expect(status).toBe(1)
      expect(stderr).toBe('')
      for (const part of [
        /^rst-native +\d/m,
        new RegExp(`^Node.js +${process.versions.node}`, 'm'),
        /^device +none: the native addon does not work/m,
        /^memory +[\d.]+ GiB/m,
        addon === null ? /^addon +not built/m : /^addon +.*rst-native.node/m,
        /^fashion-mnist +\S/m,
        /The native addon of rst-native could not be loaded on .*\(.+\)/,
      ]) {
        expect(stdout).toMatch(part)
      }
      const json = JSON.parse(rst('--json').stdout.trim().split('\n').at(-1)!)
      expect(json).toMatchObject({
        device: null,
        error: { code: 'ERR_RST_DEVICE' },
        addonFrom: addon === null ? null : 'source',
        cores: cpus().length,
        environment: { RST_DEBUG: 'sync' },
      })
      expect(json.datasets).toHaveLength(4)
      const ofLayers = rst('--arch', 'conv2', '--ratio', '0.1')
      expect(ofLayers).toMatchObject({ status: 1, stdout: expect.stringContaining('could not be loaded') })
      // A command that needs the addon fails with the same sentence.
      expect(rst('--ticket', 'none.safetensors').status).toBe(1)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
