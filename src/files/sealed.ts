// Safetensors files that prove themselves: the metadata field `sha256` is the SHA-256 of all the rest: of each other
// metadata field, by name, `name NUL value NUL`, then of each tensor, by name, `name NUL dtype NUL shape joined by
// commas NUL` and its bytes.
import { createHash } from 'node:crypto'
import { bufferSourceToUint8Array } from 'typed-array-utils'
import { TicketError } from '../errors.ts'
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from './safetensors.ts'

/** The file's bytes as chunks, with its checksum added to the metadata. */
export function encodeSealed({ metadata, tensors }: SafetensorsFile): Uint8Array<ArrayBuffer>[] {
  return encodeSafetensors({ metadata: { ...metadata, sha256: checksum({ metadata, tensors }) }, tensors })
}

/**
 * Reads what `encodeSealed` wrote.
 * @param file named in errors
 * @param cure completes the sentence on a damaged file
 * @throws TicketError, of field 'sha256' where the content is not what was written
 */
export function decodeSealed(bytes: Uint8Array, file: string, cure: string): SafetensorsFile {
  const content = decodeSafetensors(bytes, file)
  if (content.metadata.sha256 === checksum(content)) return content
  throw new TicketError(
    `${file}: the content does not match the checksum in metadata field sha256: the file is damaged or was edited; ${cure}.`,
    'sha256',
  )
}

/** The SHA-256 of content, hexadecimal. */
export function checksum({ metadata, tensors }: SafetensorsFile): string {
  const hash = createHash('sha256')
  const sorted = <T>(entries: Iterable<[string, T]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, value] of sorted(Object.entries(metadata))) {
    if (name !== 'sha256') hash.update(`${name}\0${value}\0`)
  }
  for (const [name, { dtype, shape, data }] of sorted(tensors)) {
    hash.update(`${name}\0${dtype}\0${shape.join(',')}\0`)
    hash.update(bufferSourceToUint8Array(data as BufferSource))
  }
  return hash.digest('hex')
}
