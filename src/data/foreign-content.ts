// What people have in place of a data file, told by its first bytes.

const formats: readonly { begins: readonly number[]; at?: number; is: string }[] = [
  { begins: bytes('PK\x03\x04'), is: 'a zip archive: unpack it with unzip' },
  { begins: [0x1f, 0x8b], is: 'a gzip file: unpack it with gunzip, or with tar -xzf if it is an archive' },
  { begins: [0xfd, 0x37, 0x7a, 0x58, 0x5a], is: 'an xz file: unpack it with unxz' },
  { begins: bytes('BZh'), is: 'a bzip2 file: unpack it with bunzip2' },
  { begins: [0x28, 0xb5, 0x2f, 0xfd], is: 'a zstd file: unpack it with unzstd' },
  { begins: bytes("7z\xbc\xaf'\x1c"), is: 'a 7z archive: unpack it with 7z x' },
  { begins: bytes('ustar'), at: 257, is: 'a tar archive: unpack it with tar -xf' },
  {
    begins: bytes('version https://git-lfs'),
    is: 'only a pointer of Git LFS: fetch the file itself with git lfs pull',
  },
  { begins: bytes('<'), is: 'a web page, as a failed download leaves one: fetch the file again' },
  { begins: bytes('{'), is: 'a text in JSON, as a failed download leaves one: fetch the file again' },
  { begins: bytes('\x89HDF'), is: 'an HDF5 file, which rst does not read' },
  { begins: bytes('\x93NUMPY'), is: 'an array of NumPy, which rst does not read' },
  { begins: bytes('PAR1'), is: 'a Parquet file, which rst does not read' },
  { begins: bytes('MATLAB'), is: 'a file of MATLAB, which rst does not read' },
  { begins: [0x80, 0x02], is: 'a Python pickle, which rst does not read' },
  { begins: [0x80, 0x03], is: 'a Python pickle, which rst does not read' },
  { begins: [0x80, 0x04], is: 'a Python pickle, which rst does not read' },
]

/** What a file is that begins with `head`, and what to do; completes "is". Undefined where nothing is recognised. */
export function foreignContent(head: Uint8Array): string | undefined {
  return formats.find(({ begins, at = 0 }) => begins.every((byte, i) => head[at + i] === byte))?.is
}

function bytes(text: string): number[] {
  return [...Buffer.from(text, 'latin1')]
}
