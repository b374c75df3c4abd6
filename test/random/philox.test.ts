import { describe, expect, it } from 'vitest'
import { permutation } from '../../src/random/permutation.ts'
import { Purpose, philox4x32, RandomStream } from '../../src/random/philox.ts'

const hex = (block: Uint32Array) => [...block].map(word => word.toString(16).padStart(8, '0')).join(' ')

// Random123's kat_vectors: counter, key, block.
const knownAnswers = [
  [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    '408f276d 41c83b0e a20bc7c6 6d5451fd',
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  ],
] as const

// Seed, position and block of native/core/philox.h, for Purpose::kSubset, step 3 and index 0xfffffffe.
const nativeBlocks: [number, number, string][] = [
  [0, 0, 'b5bb2ab9 996d8005 d30fde00 b25a4b27'],
  [0, 5, 'ade31820 1aae57b2 5e23ebe3 e3ea4e58'],
  [0, 4294967295, '99dc44a9 8612cfe9 e4c3258b 6c1f593d'],
  [0, 4294967299, '93dc77da 9c29f2ba e40fb09b 57de4ac1'],
  [0, 35184372088839, '510204a7 4d1ef4cb f8e91e4a 767d9026'],
  [1, 0, 'd1aadf40 d38f369f 56a1b1e9 d077d8e5'],
  [1, 5, '1899e6b1 e810fd8f ac9297d1 d5ff286f'],
  [1, 4294967295, 'c3d795ad ae3fb3c9 73f15c62 f4d2825e'],
  [1, 4294967299, '7eba52f1 4b1a1f41 b542b29a 9f6c26b6'],
  [1, 35184372088839, '12669aaf 9b7b129d fabc7e06 3c9ce4d8'],
  [3735928559, 0, 'ac286949 b52dabd8 91a8e9dc 22012e02'],
  [3735928559, 5, 'e60d8d1c 5df1b688 d0722fc2 56099dfc'],
  [3735928559, 4294967295, '08b805f9 1297763c a6299ff9 e44b4ca8'],
  [3735928559, 4294967299, '0e261a3b 2a7a0230 13aa4bbc ac47efd6'],
  [3735928559, 35184372088839, '64b0c7ac a1b6d4d8 967649f5 9228dbd2'],
  [9007199254740991, 0, '1b22303a 58946e4a 66320f60 74ae2953'],
  [9007199254740991, 5, 'd7e24799 5c13416a e4dfe56d 1d40bc62'],
  [9007199254740991, 4294967295, 'c8a7a5cc 5a396cba ce77f7e0 bfee6392'],
  [9007199254740991, 4294967299, '79374426 51d374f6 6bfa956d 6dc40446'],
  [9007199254740991, 35184372088839, '8cf33016 ae77204f 30cc6824 3e1f3796'],
]

describe('philox4x32', () => {
  it.each(knownAnswers)('of counter %o and key %o is the known answer', (counter, key, expected) => {
    const block = new Uint32Array(4)
    philox4x32([...counter], [...key], block)
    expect(hex(block)).toBe(expected)
  })
})

describe('RandomStream', () => {
  it.each(nativeBlocks)('with seed %d at %d equals the native stream', (seed, position, expected) => {
    expect(hex(new RandomStream(seed, Purpose.subset, 3, 0xfffffffe).block(position))).toBe(expected)
  })

  it('gives single words of its blocks', () => {
    const stream = new RandomStream(5, Purpose.noise)
    const words = [0, 1, 2, 3, 4].map(i => stream.word(i))
    expect(words.slice(0, 4)).toEqual([...stream.block(0)])
    expect(words[4]).toBe(stream.block(1)[0])
  })
})

describe('permutation', () => {
  it('has every index once', () => {
    const n = 10_000
    expect([...permutation(n, 1, Purpose.dataOrder)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: n }, (_, i) => i),
    )
    expect([...permutation(0, 1, Purpose.dataOrder)]).toEqual([])
    expect([...permutation(1, 1, Purpose.dataOrder)]).toEqual([0])
  })

  it('is the same for the same seed, purpose and step, and another otherwise', () => {
    const order = (...args: [number, Purpose, number]) => permutation(100, ...args).join()
    expect(order(1, Purpose.dataOrder, 2)).toBe(order(1, Purpose.dataOrder, 2))
    const orders = [
      order(1, Purpose.dataOrder, 2),
      order(2, Purpose.dataOrder, 2),
      order(1, Purpose.subset, 2),
      order(1, Purpose.dataOrder, 3),
    ]
    expect(new Set(orders).size).toBe(4)
  })

  it('draws all orders of four equally often', () => {
    const counts = new Map<string, number>()
    const draws = 24_000
    for (let step = 0; step < draws; step++) {
      const order = permutation(4, 7, Purpose.dataOrder, step).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(24)
    // Chi-squared with 23 degrees of freedom stays below 49.7 in 999 of 1000 cases.
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
    expect(chiSquared).toBeLessThan(49.7)
  })
})
