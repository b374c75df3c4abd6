// Changes to a file's bytes, as broken disks, cut-off downloads and meddling make them.
import { concatUint8Arrays } from 'typed-array-utils'
import { decodeSafetensors } from '../src/files/safetensors.ts'
import { encodeSealed } from '../src/files/sealed.ts'
import type { Dice } from './dice.ts'

export interface Mutation {
  readonly name: string
  readonly bytes: Uint8Array
  /** Whether a checksum was made anew over the change, so that a reader may take it for what was meant. */
  readonly resealed?: boolean
}

type Change = (bytes: Uint8Array, dice: Dice) => Mutation

const spliced = (bytes: Uint8Array, from: number, count: number, put: Uint8Array) =>
  concatUint8Arrays(bytes.slice(0, from), put, bytes.slice(from + count))
const random = (count: number, dice: Dice) => Uint8Array.from({ length: count }, () => dice.below(256))
const text = (value: string) => new TextEncoder().encode(value)

const anywhere: readonly Change[] = [
  (bytes, dice) => {
    const changed = bytes.slice()
    const flips = 1 + dice.below(3)
    for (let i = 0; i < flips; i++) changed[dice.below(bytes.length)] ^= 1 << dice.below(8)
    return { name: `${flips} bits flipped`, bytes: changed }
  },
  (bytes, dice) => {
    const changed = bytes.slice()
    const at = dice.below(bytes.length)
    changed[at] = dice.pick([0, 0x20, 0x22, 0x2c, 0x5b, 0x7b, 0x7f, 0xff, dice.below(256)])
    return { name: `byte ${at} set to ${changed[at]}`, bytes: changed }
  },
  (bytes, dice) => {
    const length = dice.pick([0, dice.below(16), dice.below(bytes.length), bytes.length - 1])
    return { name: `cut to ${length} bytes`, bytes: bytes.slice(0, length) }
  },
  (bytes, dice) => {
    const [at, count] = [dice.below(bytes.length + 1), 1 + dice.below(20)]
    return { name: `${count} bytes put in at ${at}`, bytes: spliced(bytes, at, 0, random(count, dice)) }
  },
  (bytes, dice) => {
    const [at, count] = [dice.below(bytes.length), 1 + dice.below(50)]
    return { name: `${count} bytes taken out at ${at}`, bytes: spliced(bytes, at, count, new Uint8Array(0)) }
  },
  (bytes, dice) => {
    const [from, to, count] = [dice.below(bytes.length), dice.below(bytes.length), 1 + dice.below(300)]
    const part = bytes.slice(from, from + count)
    return { name: `bytes ${from} written again at ${to}`, bytes: spliced(bytes, to, part.length, part) }
  },
  (bytes, dice) => {
    const from = dice.below(bytes.length)
    return { name: `zeros from ${from}`, bytes: bytes.slice().fill(0, from, from + 1 + dice.below(5000)) }
  },
]

const oddNumbers = ['0', '-1', '1.5', '1e9', '1e400', '-0', '9007199254740993', '1e-320', 'null', '"3"', '[]']
const oddTexts = [
  '[',
  ']',
  '{',
  '}',
  '"',
  ',',
  ':',
  '\\',
  '\n',
  '[['.repeat(5000),
  '{"a":'.repeat(5000),
  '\0',
  '&a [*a]',
  '__proto__',
  '\ufeff',
]

/** Of texts, headers among them. */
const inText: readonly Change[] = [
  (bytes, dice) => {
    const numbers = [...textOf(bytes).matchAll(/-?\d+(\.\d+)?(e[+-]?\d+)?/g)]
    if (numbers.length === 0) return dice.pick(anywhere)(bytes, dice)
    const { index, 0: found } = dice.pick(numbers)
    const put = dice.pick([...oddNumbers, String(dice.below(2 ** 32))])
    return { name: `${found} at ${index} made ${put}`, bytes: spliced(bytes, index, found.length, text(put)) }
  },
  (bytes, dice) => {
    const [at, put] = [dice.below(textOf(bytes).length + 1), dice.pick(oddTexts)]
    return {
      name: `${JSON.stringify(put.slice(0, 20))} put in at ${at}`,
      bytes: spliced(bytes, at, 0, text(put)),
    }
  },
]

/** Latin-1, so that its indices are those of the bytes; of safetensors files no more than the header. */
const textOf = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, 20_000)).toString('latin1')

/** Of safetensors files, whose structure stays right. */
const inHeader: readonly Change[] = [
  (bytes, dice) => {
    const length = dice.pick([
      0n,
      1n,
      2n ** 64n - 1n,
      2n ** 31n,
      BigInt(bytes.length),
      BigInt(dice.below(4000)),
    ])
    const changed = bytes.slice()
    new DataView(changed.buffer).setBigUint64(0, length, true)
    return { name: `header length ${length}`, bytes: changed }
  },
  (bytes, dice) => {
    const dataOffset = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
    const header = new Uint8Array(bytes.slice(8, dataOffset))
    const { name, bytes: changed } = dice.pick(inText)(header, dice)
    const length = new Uint8Array(new BigUint64Array([BigInt(changed.length)]).buffer)
    return { name: `header: ${name}`, bytes: concatUint8Arrays(length, changed, bytes.slice(dataOffset)) }
  },
  (bytes, dice) => {
    const { metadata, tensors } = decodeSafetensors(bytes, 'the sound file')
    const names = Object.keys(metadata).filter(name => name !== 'sha256')
    const changed = dice.pick(names)
    const put = dice.pick([...oddNumbers, ...oddTexts, '', '{}', metadata[dice.pick(names)]])
    if (dice.chance(0.2)) delete metadata[changed]
    else metadata[changed] = put
    if (dice.chance(0.2)) tensors.delete(dice.pick([...tensors.keys()]))
    const sealed = concatUint8Arrays(...encodeSealed({ metadata, tensors }))
    return { name: `${changed} made ${put.slice(0, 20)} and sealed`, bytes: sealed, resealed: true }
  },
  (bytes, dice) => {
    const { metadata, tensors } = decodeSafetensors(bytes.slice(), 'the sound file')
    const name = dice.pick([...tensors.keys()])
    const { data, dtype } = tensors.get(name)!
    const value = dice.pick([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e30, 0])
    if (data.length > 0 && (dtype === 'F32' || dtype === 'F64')) data[dice.below(data.length)] = value
    else if (data.length > 0 && dtype === 'U8') data[dice.below(data.length)] = dice.below(256)
    const sealed = concatUint8Arrays(...encodeSealed({ metadata, tensors }))
    return { name: `${name} given ${value} and sealed`, bytes: sealed, resealed: true }
  },
]

const changes = {
  safetensors: [...anywhere, ...inHeader, ...inHeader],
  text: [...anywhere, ...inText, ...inText],
  binary: anywhere,
}

/** @param kind of the sound file */
export function mutate(bytes: Uint8Array, kind: keyof typeof changes, dice: Dice): Mutation {
  return dice.pick(changes[kind])(bytes, dice)
}
