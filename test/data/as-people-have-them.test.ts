// Data sets under the names, in the folders and in the versions that people have: each is read or explained.
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { datasets } from '../../src/data/datasets.ts'
import { ConfigError, DatasetError } from '../../src/errors.ts'
import {
  cifar10Names,
  cifarRecords,
  idxImages,
  idxLabels,
  writeCifar10,
  writeCifar100,
  writeIdx,
} from './synthetic.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rst-people-'))
})
afterEach(() => rm(dir, { recursive: true }))

type Make = () => Promise<unknown>
const inDir = (name: string) => join(dir, name)
const idxNames = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1']

/** The four files, each passed through `place(name without ubyte, bytes)`. */
async function idxFiles(place: (name: string, bytes: Uint8Array) => Promise<unknown>): Promise<void> {
  const contents = [idxImages(30), idxLabels(30), idxImages(20), idxLabels(20)]
  for (const [i, name] of idxNames.entries()) await place(name, contents[i])
}

const folderWith = async (path: string, name: string, bytes: Uint8Array | string) => {
  await mkdir(path, { recursive: true })
  await writeFile(join(path, name), bytes)
}

describe('is read', () => {
  it.each<[string, Make]>([
    [
      'IDX files with a dot in their names',
      () => idxFiles((name, bytes) => writeFile(inDir(`${name.replace('-idx', '.idx')}-ubyte`), bytes)),
    ],
    [
      'gzipped IDX files with a dot in their names',
      () =>
        idxFiles((name, bytes) =>
          writeFile(inDir(`${name.replace('-idx', '.idx')}-ubyte.gz`), gzipSync(bytes)),
        ),
    ],
    [
      'gzipped files without .gz',
      () => idxFiles((name, bytes) => writeFile(inDir(`${name}-ubyte`), gzipSync(bytes))),
    ],
    [
      'files with .gz that are not gzipped',
      () => idxFiles((name, bytes) => writeFile(inDir(`${name}-ubyte.gz`), bytes)),
    ],
    [
      'a folder for each file, of its name',
      () => idxFiles((name, bytes) => folderWith(inDir(`${name}-ubyte`), `${name}-ubyte`, bytes)),
    ],
    [
      'a folder for each file, of another spelling',
      () =>
        idxFiles((name, bytes) =>
          folderWith(inDir(`${name.replace('-idx', '.idx')}-ubyte`), `${name}-ubyte`, bytes),
        ),
    ],
    [
      'files called test in place of t10k',
      () => idxFiles((name, bytes) => writeFile(inDir(`${name.replace('t10k', 'test')}-ubyte`), bytes)),
    ],
    ['the folder that torchvision makes', () => writeIdx(inDir('MNIST/raw'))],
    ['one level too high', () => writeIdx(inDir('digits'))],
    ['two levels too high', () => writeIdx(inDir('downloads/digits'))],
    [
      'beside other data sets',
      async () => {
        await writeIdx(inDir('MNIST/raw'))
        await writeIdx(inDir('FashionMNIST/raw'))
        await writeIdx(inDir('KMNIST/raw'))
      },
    ],
    [
      'through symbolic links',
      async () => {
        await writeIdx(inDir('real/deep/er/mnist-files'))
        await symlink(inDir('real/deep/er/mnist-files'), inDir('mnist'))
      },
    ],
    [
      'beside hidden files of macOS',
      async () => {
        await writeIdx(dir)
        for (const name of idxNames) await writeFile(inDir(`._${name}-ubyte`), 'x')
      },
    ],
  ])('MNIST: %s', async (_, make) => {
    await make()
    const { train, test } = await datasets.mnist({ dir })
    expect([train.size, test.size]).toEqual([30, 20])
    expect([...train.labels.slice(8, 12)]).toEqual([8, 9, 0, 1])
    expect(train.images[29 * 784]).toBe(29)
  })

  it.each<[string, Make]>([
    ['one level too high', () => writeCifar10(inDir('cifar-10-batches-bin'))],
    ['two levels too high', () => writeCifar10(inDir('data/cifar-10-batches-bin'))],
    [
      'gzipped, with and without .gz',
      async () => {
        for (const [i, name] of cifar10Names.entries()) {
          const bytes = gzipSync(cifarRecords(4, k => [(i + k) % 10]))
          await writeFile(inDir(i % 2 ? name : `${name}.gz`), bytes)
        }
      },
    ],
    [
      'a folder for each file',
      async () => {
        for (const [i, name] of cifar10Names.entries()) {
          await folderWith(
            inDir(name),
            name,
            cifarRecords(4, k => [(i + k) % 10]),
          )
        }
      },
    ],
    [
      'with the archive, the Python version and CIFAR-100 beside it',
      async () => {
        await writeCifar10(inDir('cifar-10-batches-bin'))
        await writeFile(inDir('cifar-10-binary.tar.gz'), 'x')
        await folderWith(inDir('cifar-10-batches-py'), 'data_batch_1', 'x')
        await writeCifar100(inDir('cifar-100-binary'))
      },
    ],
  ])('CIFAR-10: %s', async (_, make) => {
    await make()
    const { train, test } = await datasets.cifar10({ dir })
    expect([train.size, test.size]).toEqual([20, 4])
    expect([...train.labels.slice(0, 8)]).toEqual([0, 1, 2, 3, 1, 2, 3, 4])
    expect(train.images[3 * 3072]).toBe(3)
  })

  it('Fashion-MNIST from the folders of torchvision, apart from MNIST', async () => {
    await writeIdx(inDir('MNIST/raw'))
    await idxFiles((name, bytes) => folderWith(inDir('FashionMNIST/raw'), `${name}-ubyte`, bytes))
    expect(await datasets.locate('fashion-mnist', dir)).toBe(inDir('FashionMNIST/raw'))
    expect(await datasets.locate('mnist', dir)).toBe(inDir('MNIST/raw'))
  })
})

const python = (folder: string) => async () => {
  for (const name of ['data_batch_1', 'test_batch', 'batches.meta'])
    await folderWith(folder, name, '\x80\x02')
}

describe('is explained', () => {
  type Name = 'cifar10' | 'cifar100' | 'mnist' | 'fashion-mnist'
  /** Made in `dir`, asked for as `dir/at`: what the error says, and what it must not. */
  it.each<[string, Name, Make, string, RegExp]>([
    [
      'the Python version',
      'cifar10',
      () => python(dir)(),
      '',
      /the Python version of cifar10; the binary version is needed: download cifar-10-binary/,
    ],
    [
      'the Python version in its folder',
      'cifar10',
      () => python(inDir('cifar-10-batches-py'))(),
      '',
      /cifar-10-batches-py is the Python version of cifar10/,
    ],
    [
      'a file of the Python version',
      'cifar10',
      () => python(dir)(),
      'data_batch_1',
      /data_batch_1 is the Python version of cifar10/,
    ],
    [
      'the archive of the Python version',
      'cifar10',
      () => writeFile(inDir('cifar-10-python.tar.gz'), 'x'),
      '',
      /cifar-10-python.tar.gz is the Python version/,
    ],
    [
      'the MATLAB version',
      'cifar10',
      async () => {
        for (const name of ['data_batch_1.mat', 'test_batch.mat']) await writeFile(inDir(name), 'MATLAB')
      },
      '',
      /the MATLAB version of cifar10/,
    ],
    [
      'the Python version of CIFAR-100',
      'cifar100',
      async () => {
        for (const name of ['train', 'test', 'meta']) await folderWith(inDir('cifar-100-python'), name, 'x')
      },
      '',
      /cifar-100-python is the Python version of cifar100/,
    ],
    [
      'a Parquet version',
      'cifar10',
      () => folderWith(inDir('plain_text'), 'train-00000-of-00001.parquet', 'PAR1'),
      '',
      /the Parquet version of cifar10/,
    ],
    [
      'CSV files',
      'fashion-mnist',
      () => writeFile(inDir('fashion-mnist_train.csv'), '1'),
      '',
      /the CSV version of fashion-mnist; the IDX version is needed/,
    ],
    ["Keras' file", 'mnist', () => writeFile(inDir('mnist.npz'), 'PK'), '', /Keras' version of mnist/],
    [
      'the archive itself',
      'cifar10',
      () => writeFile(inDir('cifar-10-binary.tar.gz'), 'x'),
      'cifar-10-binary.tar.gz',
      /is an archive: unpack it with tar -xf .*cifar-10-binary\.tar\.gz -C /,
    ],
    [
      'the archive in the folder',
      'cifar100',
      () => writeFile(inDir('cifar-100-binary.tar.gz'), 'x'),
      '',
      /unpack it with tar -xf/,
    ],
    [
      'a zip in place of the folder',
      'mnist',
      () => writeFile(inDir('mnist.zip'), 'PK'),
      'mnist.zip',
      /is an archive: unpack it with unzip/,
    ],
    [
      'a zip of any name in the folder',
      'fashion-mnist',
      () => writeFile(inDir('archive.zip'), 'PK'),
      '',
      /archive\.zip is an archive: unpack it with unzip/,
    ],
    [
      'one level too deep',
      'mnist',
      async () => {
        await writeIdx(dir)
        await mkdir(inDir('notes'))
      },
      'notes',
      /The files of mnist lie in .*: give that folder/,
    ],
    [
      'two levels too deep',
      'cifar10',
      async () => {
        await writeCifar10(dir)
        await mkdir(inDir('a/b'), { recursive: true })
      },
      'a/b',
      /The files of cifar10 lie in/,
    ],
    [
      'one of the files in place of the folder',
      'cifar10',
      () => writeCifar10(dir),
      'test_batch.bin',
      /is one of the files of cifar10: give its folder/,
    ],
    [
      'CIFAR-100 for CIFAR-10',
      'cifar10',
      () => writeCifar100(dir),
      '',
      /holds cifar100, not cifar10: ask for cifar100/,
    ],
    [
      'CIFAR-10 for CIFAR-100',
      'cifar100',
      () => writeCifar10(inDir('cifar-10-batches-bin')),
      '',
      /cifar-10-batches-bin holds cifar10, not cifar100/,
    ],
    [
      'the folder of Fashion-MNIST for MNIST',
      'mnist',
      () => writeIdx(inDir('FashionMNIST/raw')),
      '',
      /FashionMNIST\/raw holds fashion-mnist, not mnist/,
    ],
    [
      'two folders that both may be meant',
      'mnist',
      async () => {
        await writeIdx(inDir('a'))
        await writeIdx(inDir('b'))
      },
      '',
      /Both .*a and .*b hold files of mnist: give the folder/,
    ],
    ['an empty folder', 'mnist', async () => {}, '', /is empty\. To get the files|is empty\. To get it/],
    [
      'a folder of other things',
      'cifar10',
      () => writeFile(inDir('notes.txt'), 'x'),
      '',
      /holds none of its files\. To get it, download/,
    ],
    ['no folder', 'cifar10', async () => {}, 'none', /There is no folder .*none\. To get it, download/],
    [
      'a file in place of a folder',
      'cifar10',
      () => writeFile(inDir('file'), 'x'),
      'file',
      /file is a file: give the folder of the data files/,
    ],
    [
      'an archive without a name',
      'cifar10',
      () => writeFile(inDir('download'), 'PK\x03\x04'),
      'download',
      /download is a zip archive: unpack it with unzip/,
    ],
    [
      'a path through a file',
      'mnist',
      () => writeFile(inDir('file'), 'x'),
      'file/mnist',
      /a part of the path is a file, not a folder/,
    ],
    [
      'a pipe in place of the folder',
      'mnist',
      async () => execFileSync('mkfifo', [inDir('pipe')]),
      'pipe',
      /neither a folder nor a file/,
    ],
    [
      'a folder without the file it is called after',
      'mnist',
      async () => {
        await writeIdx(dir)
        await rm(inDir('train-labels-idx1-ubyte'))
        await mkdir(inDir('train-labels-idx1-ubyte'))
      },
      '',
      /train-labels-idx1-ubyte: it is a folder/,
    ],
    [
      'a device as a file',
      'mnist',
      async () => {
        await writeIdx(dir)
        await rm(inDir('train-labels-idx1-ubyte'))
        await symlink('/dev/zero', inDir('train-labels-idx1-ubyte'))
      },
      '',
      /no regular file but a pipe, socket or device/,
    ],
    [
      'a link to nothing',
      'mnist',
      async () => {
        await writeIdx(dir)
        await rm(inDir('train-labels-idx1-ubyte'))
        await symlink('/nowhere', inDir('train-labels-idx1-ubyte'))
      },
      '',
      /train-labels-idx1-ubyte: there is no such file/,
    ],
  ])('%s (%s)', async (_, name, make, at, message) => {
    await make()
    const error = await refusal(name, at === '' ? dir : inDir(at))
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain('fetch')
  })

  const pipe = (name: string) => async () => {
    await rm(inDir(name))
    execFileSync('mkfifo', [inDir(name)])
  }
  it.each([
    ['cifar10', 'data_batch_2.bin'],
    ['mnist', 'train-images-idx3-ubyte'],
    ['mnist', 't10k-labels-idx1-ubyte'],
  ] as const)('a pipe in place of a file of %s (%s), without waiting for it', async (name, file) => {
    await (name === 'mnist' ? writeIdx(dir) : writeCifar10(dir))
    await pipe(file)()
    expect((await refusal(name, dir)).message).toContain('no regular file but a pipe, socket or device')
  })

  it('a socket in place of a file', async () => {
    await writeIdx(dir)
    const file = inDir('t10k-labels-idx1-ubyte')
    await rm(file)
    const server = createServer()
    await new Promise<void>(resolve => server.listen(file, resolve))
    expect((await refusal('mnist', dir)).message).toContain('no regular file but a pipe, socket or device')
    await new Promise(resolve => server.close(resolve))
  })

  it.each([
    ['PK\x03\x04', /is a zip archive/],
    ['<!DOCTYPE html>', /is a web page, as a failed download leaves one: fetch the file again/],
    ['version https://git-lfs.github.com/spec/v1\n', /git lfs pull/],
    ['\x80\x02}q', /Python pickle/],
    ['BZh9', /bzip2 file/],
    ['\xfd7zXZ', /an xz file/],
  ])('other content under the right name: %j', async (head, message) => {
    const bytes = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.alloc(3000)])
    await writeIdx(dir)
    await writeFile(inDir('train-images-idx3-ubyte'), bytes)
    expect((await refusal('mnist', dir)).message).toMatch(message)
    await writeCifar10(dir)
    await writeFile(inDir(cifar10Names[1]), bytes)
    expect((await refusal('cifar10', dir)).message).toMatch(message)
  })

  const isRoot = process.getuid?.() === 0
  if (isRoot) console.warn('skipped: root may read every file')
  it.skipIf(isRoot)('a file that may not be read', async () => {
    await writeIdx(dir)
    await chmod(inDir('train-images-idx3-ubyte'), 0)
    const { message } = await refusal('mnist', dir)
    expect(message).toContain('you may not read it')
    expect(message).not.toContain('fetch')
  })

  it.each(Object.keys(datasets).filter(name => /cifar|nist/i.test(name)))(
    'another option than dir, for %s',
    async name => {
      const open = datasets[name as 'cifar10']
      await expect(open({ folder: dir } as never)).rejects.toThrow(/has no option folder/)
      for (const value of [5, '', null, 'a\0b']) {
        await expect(open({ dir: value } as never)).rejects.toThrow(ConfigError)
      }
      await expect(open('data' as never)).rejects.toThrow(ConfigError)
    },
  )
})

describe('a file cut at a record boundary', () => {
  it('is refused where another file of its split is whole', async () => {
    await writeCifar10(dir)
    const whole = gzipSync(Buffer.alloc(10_000 * 3073), { level: 1 })
    await writeFile(inDir(cifar10Names[0]), whole)
    const error = await refusal('cifar10', dir)
    expect(error).toMatchObject({ file: inDir(cifar10Names[1]), offset: 4 * 3073 })
    expect(error.message).toContain('has 4 records of the 10000')
    for (const name of cifar10Names.slice(1, 5)) await writeFile(inDir(name), whole)
    expect((await datasets.cifar10({ dir })).train.size).toBe(50_000)
  })
})

describe('verify', () => {
  it('refuses a part of a data set, naming the file', async () => {
    await writeCifar10(dir)
    await expect(datasets.verify('cifar10', dir)).rejects.toThrow(
      `${inDir('data_batch_1.bin')} is cut short: it has 4 images or labels of the official 10000`,
    )
    await writeIdx(inDir('mnist'))
    await expect(datasets.verify('mnist', inDir('mnist'))).rejects.toThrow('of the official 60000')
  })

  const official = (label: (i: number) => number) => async () => {
    const images = (count: number) => {
      const bytes = Buffer.alloc(16 + count * 784)
      for (const [i, word] of [0x803, count, 28, 28].entries()) bytes.writeUInt32BE(word, 4 * i)
      return gzipSync(bytes, { level: 1 })
    }
    const labels = (count: number) => {
      const bytes = idxLabels(count)
      for (let i = 0; i < count; i++) bytes[8 + i] = label(i)
      return bytes
    }
    await writeFile(inDir('train-images-idx3-ubyte'), images(60_000))
    await writeFile(inDir('train-labels-idx1-ubyte'), labels(60_000))
    await writeFile(inDir('t10k-images-idx3-ubyte'), images(10_000))
    await writeFile(inDir('t10k-labels-idx1-ubyte'), labels(10_000))
  }

  it('refuses labels of other numbers, and other pixels', async () => {
    await official(i => (i === 77 ? 3 : i % 10))()
    await expect(datasets.verify('fashion-mnist', dir)).rejects.toThrow(
      /class 3 has 6001 training images, not 6000/,
    )
    await official(i => i % 10)()
    await expect(datasets.verify('fashion-mnist', dir)).rejects.toThrow(
      'the mean of channel 0 is 0.0000, not 0.286',
    )
  })

  it('says what is there in place of a data set', async () => {
    await python(inDir('cifar-10-batches-py'))()
    await expect(datasets.recognise(dir)).rejects.toThrow('the Python version of cifar10')
    await expect(datasets.recognise(inDir('none'))).rejects.toThrow('There is no folder')
  })
})

async function refusal(name: string, folder: string): Promise<DatasetError> {
  const error = await datasets.open(name, folder).then(
    () => expect.unreachable('no error was thrown'),
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(DatasetError)
  return error as DatasetError
}
