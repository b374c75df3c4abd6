import { describe, expect, it } from 'vitest'
import type { Split } from '../../src/data/dataset.ts'
import { firstImages, holdOut, subset } from '../../src/data/subset.ts'
import { ConfigError } from '../../src/errors.ts'

/** Images of two pixels that are the image's number, as its label. */
const split: Split = {
  images: Uint8Array.from({ length: 400 }, (_, i) => i >> 1),
  labels: Int32Array.from({ length: 200 }, (_, i) => i),
  size: 200,
}

describe('subset', () => {
  it('keeps images and labels together, in order', async () => {
    const part = await subset(split, 50, 1)
    expect(part.size).toBe(50)
    expect([...part.images]).toEqual([...part.labels].flatMap(label => [label, label]))
    expect([...part.labels]).toEqual([...new Set(part.labels)].sort((a, b) => a - b))
  })

  it('depends on the seed alone', async () => {
    expect(await subset(split, 50, 1)).toEqual(await subset(split, 50, 1))
    expect((await subset(split, 50, 1)).labels).not.toEqual((await subset(split, 50, 2)).labels)
    const larger = new Set((await subset(split, 120, 1)).labels)
    for (const label of (await subset(split, 50, 1)).labels) expect(larger).toContain(label)
  })

  it('of all images is the split itself', async () => {
    expect(await subset(split, 200, 1)).toBe(split)
  })

  it.each([0, -1, 1.5, 201, Number.NaN])('refuses %d of 200 images', async size => {
    await expect(subset(split, size, 1)).rejects.toThrow(ConfigError)
    await expect(subset(split, size, 1)).rejects.toThrow('from 1 to 200')
  })
})

describe('parts', () => {
  it('know the name of the whole and how they were chosen', async () => {
    const named = { ...split, name: 'numbers test' }
    const part = await subset(named, 50, 4)
    expect(part).toMatchObject({ name: 'numbers test', part: { of: 200, which: { subsetSeed: 4 } } })
    const first = await firstImages(part, 3)
    expect(first.part).toEqual({ of: 50, which: { first: 3 }, within: part.part })
    expect([...first.labels]).toEqual([...part.labels.slice(0, 3)])
    expect(await firstImages(split, 200)).toBe(split)
    await expect(firstImages(split, 201)).rejects.toThrow('first must be an integer from 1 to 200')
    const { rest, heldOut } = await holdOut(split, 30, 1)
    expect([rest.part!.which, heldOut.part!.which]).toEqual([{ restSeed: 1 }, { heldOutSeed: 1 }])
    expect(rest).not.toHaveProperty('name')
  })
})

describe('holdOut', () => {
  it('parts the split in two', async () => {
    const { rest, heldOut } = await holdOut(split, 30, 1)
    expect([rest.size, heldOut.size]).toEqual([170, 30])
    expect([...rest.labels, ...heldOut.labels].sort((a, b) => a - b)).toEqual([...split.labels])
    expect([...heldOut.images]).toEqual([...heldOut.labels].flatMap(label => [label, label]))
    expect((await subset(split, 30, 1)).labels).not.toEqual(heldOut.labels)
  })

  it('leaves at least one image', async () => {
    await expect(holdOut(split, 200, 1)).rejects.toThrow(ConfigError)
  })
})
