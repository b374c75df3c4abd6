// The two wire types of protocol buffers that ONNX files need: varints and length-delimited fields.
// https://protobuf.dev/programming-guides/encoding/

export class ProtoWriter {
  readonly #chunks: Uint8Array[] = []

  /** A whole number of at least 0: int64, int32 or an enum. */
  varint(field: number, value: number): this {
    this.#push(0, field)
    this.#chunks.push(encodeVarint(value))
    return this
  }

  /** A string, bytes, or a message inside. */
  bytes(field: number, value: string | Uint8Array | ProtoWriter): this {
    const content =
      typeof value === 'string' ? Buffer.from(value) : value instanceof ProtoWriter ? value.finish() : value
    this.#push(2, field)
    this.#chunks.push(encodeVarint(content.byteLength), content)
    return this
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#chunks)
  }

  #push(wireType: 0 | 2, field: number): void {
    this.#chunks.push(encodeVarint(field * 8 + wireType))
  }
}

/** Seven bits a byte, low bits first; the top bit says that another byte follows. */
export function encodeVarint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Expected a whole number of at least 0 for a varint but received ${value}.`)
  }
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
