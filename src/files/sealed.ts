// Safetensors files that prove themselves: the metadata field `sha256` is the SHA-256 of all the rest: of each other
// metadata field, by name, `name NUL value NUL`, then of each tensor, by name, `name NUL dtype NUL shape joined by
// commas NUL` and its bytes.
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { bufferSourceToUint8Array } from 'typed-array-utils'
import { TicketError } from '../errors.ts'
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from './safetensors.ts'

/** The file's bytes as chunks, with its checksum added to the metadata. */
export function encodeSealed({ metadata, tensors }: SafetensorsFile): Uint8Array<ArrayBuffer>[] {
  return encodeSafetensors({ metadata: { ...metadata, sha256: checksum({ metadata, tensors }) }, tensors })
}

/** The same for files of many megabytes, whose checksum is computed in turns so that the event loop goes on. */
export async function encodeSealedInTurns({
  metadata,
  tensors,
}: SafetensorsFile): Promise<Uint8Array<ArrayBuffer>[]> {
  const hash = createHash('sha256')
  for (const part of parts({ metadata, tensors })) {
    if (typeof part === 'string') hash.update(part)
    else {
      for (let from = 0; from < part.length; from += bytesPerTurn) {
        hash.update(part.subarray(from, from + bytesPerTurn))
        if (part.length > bytesPerTurn) await setImmediate()
      }
    }
  }
  return encodeSafetensors({ metadata: { ...metadata, sha256: hash.digest('hex') }, tensors })
}

const bytesPerTurn = 4 << 20

/**
 * Reads what `encodeSealed` wrote.
 * @param file named in errors
 * @param cure completes the sentence on a damaged file
 * @throws TicketError, of field 'sha256' where the content is not what was written, or was written without a checksum
 */
export function decodeSealed(bytes: Uint8Array, file: string, cure: string): SafetensorsFile {
  const content = decodeSafetensors(bytes, file)
  const { sha256 } = content.metadata
  if (sha256 === checksum(content)) return content
  throw new TicketError(
    sha256 === undefined
      ? `${file}: there is no checksum in metadata field sha256: the file was written by an earlier version of rst-native or by another program; ${cure}.`
      : `${file}: the content does not match the checksum in metadata field sha256: the file is damaged or was edited; ${cure}.`,
    'sha256',
  )
}

/** The SHA-256 of content, hexadecimal. */
export function checksum(content: SafetensorsFile): string {
  const hash = createHash('sha256')
  for (const part of parts(content)) hash.update(part)
  return hash.digest('hex')
}

function* parts({ metadata, tensors }: SafetensorsFile): Generator<string | Uint8Array> {
  const sorted = <T>(entries: Iterable<[string, T]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, value] of sorted(Object.entries(metadata))) {
    if (name !== 'sha256') yield `${name}\0${value}\0`
  }
  for (const [name, { dtype, shape, data }] of sorted(tensors)) {
    yield `${name}\0${dtype}\0${shape.join(',')}\0`
    yield bufferSourceToUint8Array(data as BufferSource)
  }
}
