// The data sets this package reads: what they are, where they are looked for and how to get them.
import { cifar10Format, cifar100Format, readCifar } from './cifar.ts'
import { cifar10Classes, cifar100Classes, fashionMnistClasses, mnistClasses } from './class-names.ts'
import type { DatasetInfo, Split } from './dataset.ts'
import { readIdx } from './idx.ts'

export interface CatalogueEntry {
  readonly title: string
  readonly info: DatasetInfo
  /** Files that the folder must hold; IDX files may have `.gz` behind their names. */
  readonly files: readonly string[]
  /** Folders looked in, in this order, when the caller names none. */
  readonly folders: readonly string[]
  /** A folder of this name inside the one given is looked in as well: the one the archive unpacks to. */
  readonly subfolder?: string
  /** One sentence. */
  readonly howToGet: string
  readonly read: (dir: string) => Promise<{ train: Split; test: Split }>
}

const idxFiles = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
]

const readIdxPair = async (dir: string) => ({
  train: await readIdx(dir, 'train'),
  test: await readIdx(dir, 't10k'),
})

export const catalogue: Readonly<Record<string, CatalogueEntry>> = {
  cifar10: {
    title: 'CIFAR-10: 60,000 colour photographs of 32×32 pixels, 10 classes',
    info: {
      name: 'cifar10',
      classes: 10,
      classNames: cifar10Classes,
      channels: 3,
      height: 32,
      width: 32,
      mean: [0.4914, 0.4822, 0.4465],
      std: [0.247, 0.2435, 0.2616],
      flip: true,
    },
    files: Object.keys(cifar10Format.files),
    folders: ['data/cifar-10-batches-bin', 'data/cifar10'],
    subfolder: 'cifar-10-batches-bin',
    howToGet:
      'download cifar-10-binary.tar.gz (162 MB) from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it with: tar -xzf cifar-10-binary.tar.gz -C data',
    async read(dir) {
      const names = Object.keys(cifar10Format.files)
      return {
        train: await readCifar(dir, names.slice(0, 5), cifar10Format),
        test: await readCifar(dir, names.slice(5), cifar10Format),
      }
    },
  },
  cifar100: {
    title: 'CIFAR-100: 60,000 colour photographs of 32×32 pixels, 100 (fine) classes',
    info: {
      name: 'cifar100',
      classes: 100,
      classNames: cifar100Classes,
      channels: 3,
      height: 32,
      width: 32,
      mean: [0.5071, 0.4865, 0.4409],
      std: [0.2673, 0.2564, 0.2762],
      flip: true,
    },
    files: Object.keys(cifar100Format.files),
    folders: ['data/cifar-100-binary', 'data/cifar100'],
    subfolder: 'cifar-100-binary',
    howToGet:
      'download cifar-100-binary.tar.gz (161 MB) from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it with: tar -xzf cifar-100-binary.tar.gz -C data',
    read: async dir => ({
      train: await readCifar(dir, ['train.bin'], cifar100Format),
      test: await readCifar(dir, ['test.bin'], cifar100Format),
    }),
  },
  mnist: {
    title: 'MNIST: 70,000 handwritten digits of 28×28 gray pixels, 10 classes',
    info: {
      name: 'mnist',
      classes: 10,
      classNames: mnistClasses,
      channels: 1,
      height: 28,
      width: 28,
      mean: [0.1307],
      std: [0.3081],
      flip: false,
    },
    files: idxFiles,
    folders: ['data/mnist'],
    howToGet:
      'download the four files train/t10k-images-idx3-ubyte.gz and -labels-idx1-ubyte.gz from https://ossci-datasets.s3.amazonaws.com/mnist/ into data/mnist',
    read: readIdxPair,
  },
  'fashion-mnist': {
    title: 'Fashion-MNIST: 70,000 clothes of 28×28 gray pixels, 10 classes',
    info: {
      name: 'fashion-mnist',
      classes: 10,
      classNames: fashionMnistClasses,
      channels: 1,
      height: 28,
      width: 28,
      mean: [0.286],
      std: [0.353],
      flip: true,
    },
    files: idxFiles,
    folders: ['data/fashion-mnist', '/usr/share/datasets/fashion-mnist'],
    howToGet:
      'install the Debian or Ubuntu package with: apt-get install dataset-fashion-mnist, or download the four .gz files named in https://github.com/zalandoresearch/fashion-mnist into data/fashion-mnist',
    read: readIdxPair,
  },
}
