import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkAgreement, relativeDistance } from '../../bench/peers/agreement.ts'
import { batchNormOf, fold } from '../../bench/peers/model-file.ts'
import { lastError, PeerProcess } from '../../bench/peers/peer-process.ts'

describe('agreement', () => {
  it('is the distance relative to the length', () => {
    expect(relativeDistance([3, 4], [3, 4])).toBe(0)
    expect(relativeDistance([3, 4.5], [3, 4])).toBeCloseTo(0.1)
    expect(relativeDistance([], [])).toBe(0)
    expect(relativeDistance([1], [1, 2])).toBe(Number.POSITIVE_INFINITY)
  })
  it('accepts rounding and refuses other values, NaN among them', () => {
    const expected = { logits: [1, 2] }
    expect(() => checkAgreement({ logits: [1.0001, 2] }, expected)).not.toThrow()
    expect(() => checkAgreement({ logits: [1.1, 2] }, expected)).toThrow('its logits are not ours')
    expect(() => checkAgreement({ logits: [Number.NaN, 2] }, expected)).toThrow('its logits are not ours')
    expect(() => checkAgreement({ logits: [1, 2] }, { ...expected, gradient: [1] })).toThrow('its gradient')
  })
})

describe('folding', () => {
  it('finds the batch norm of each convolution', () => {
    expect(['conv1', 'layer1.0.conv2', 'layer2.0.shortcut', 'linear'].map(batchNormOf)).toEqual([
      'bn1',
      'layer1.0.bn2',
      'layer2.0.shortcutBn',
      null,
    ])
  })
  it('scales each output channel and moves the mean into a bias', () => {
    const variance = Float32Array.of(0.25 - 1e-5, 4 - 1e-5)
    const { weight, bias } = fold(Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 2), variance)
    expect([...weight].map(value => Number(value.toFixed(4)))).toEqual([2, 4, 1.5, 2])
    expect([...bias].map(value => Number(value.toFixed(4)))).toEqual([-2, -1])
  })
})

describe('the line protocol', () => {
  const server = `
    console.log('Welcome to this library')
    console.log('ready')
    process.stdin.setEncoding('utf8')
    process.stdin.on('data', lines => {
      for (const line of lines.trim().split('\\n')) {
        if (line.startsWith('run')) console.log('seconds ' + Number(line.slice(4)) / 8)
        if (line === 'check') console.log('check {"logits":[1,2]}')
        if (line === 'memory') console.log('memory 1024')
      }
    })`

  async function withScript<T>(source: string, body: (args: string[]) => Promise<T>): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), 'rst-bench-test-'))
    try {
      const script = join(folder, 'peer.cjs')
      await writeFile(script, source)
      return await body([script])
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  it('asks and answers, passing over what a library prints', async () => {
    await withScript(server, async args => {
      const peer = await PeerProcess.start({ file: process.execPath, args })
      expect(await peer.time(2)).toBe(0.25)
      expect(await peer.check()).toEqual({ logits: [1, 2] })
      expect(await peer.peakMemory()).toBe(1024)
      await peer.stop()
    })
  })
  it('says why a peer did not start', async () => {
    await withScript("require('no-such-package')", async args => {
      const start = PeerProcess.start({ file: process.execPath, args })
      await expect(start).rejects.toThrow("Cannot find module 'no-such-package'")
    })
    await expect(PeerProcess.start({ file: '/no/such/python', args: [] })).rejects.toThrow('ENOENT')
  })
  it('finds the error in a traceback', () => {
    const traceback =
      'Traceback (most recent call last):\n  File "x.py", line 1\nModuleNotFoundError: No module named \'torch\'\n'
    expect(lastError(traceback)).toBe("ModuleNotFoundError: No module named 'torch'")
    expect(lastError('it broke\n')).toBe('it broke')
    expect(lastError('')).toBeNull()
  })
})
