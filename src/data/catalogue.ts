// The data sets this package reads: what they are, where they are looked for and how to get them.
import { type CifarFormat, cifar10Format, cifar100Format, readCifar } from './cifar.ts'
import { cifar10Classes, cifar100Classes, fashionMnistClasses, mnistClasses } from './class-names.ts'
import type { DatasetInfo, Split } from './dataset.ts'
import { readIdx } from './idx.ts'

export interface ReadFiles {
  readonly train: Split
  readonly test: Split
  readonly counts: readonly number[]
}

export interface CatalogueEntry {
  readonly title: string
  readonly info: DatasetInfo
  /** Files that the folder must hold. Each may be gzipped, and have one of the names that people give it. */
  readonly files: readonly string[]
  /** Images of each official file, in the order of `files`; labels count as their images. */
  readonly counts: readonly number[]
  /** Images of each class in the official splits. */
  readonly imagesPerClass: { readonly train: readonly number[]; readonly test: readonly number[] }
  /** Folders looked in, in this order, when the caller names none. */
  readonly folders: readonly string[]
  /** Folders that archives and other libraries make. */
  readonly subfolders: readonly string[]
  /** Which of its versions is read. */
  readonly reads: string
  /** Versions of the data set that are not read, known by these files in one folder, or by the name of an archive. */
  readonly otherVersions: readonly {
    readonly is: string
    readonly files: readonly RegExp[]
    readonly archive: RegExp
  }[]
  /** One sentence. */
  readonly howToGet: string
  /**
   * @param paths where each of `files` lies
   * @returns the splits, and the images or labels of each file
   */
  readonly read: (paths: readonly string[]) => Promise<ReadFiles>
}

const parquet = { is: 'the Parquet version', files: [/\.parquet$/], archive: /parquet/i }

const cifar = (format: CifarFormat, trainFiles: number, python: readonly RegExp[]) =>
  ({
    files: Object.keys(format.files),
    counts: Object.values(format.files),
    imagesPerClass: {
      train: new Array<number>(format.classes).fill(50_000 / format.classes),
      test: new Array<number>(format.classes).fill(10_000 / format.classes),
    },
    reads: 'the binary version',
    otherVersions: [
      { is: 'the Python version', files: python, archive: /python/i },
      {
        is: 'the MATLAB version',
        files: python.map(name => new RegExp(name.source.replace('$', '\\.mat$'))),
        archive: /matlab/i,
      },
      parquet,
    ],
    read(paths: readonly string[]) {
      const parts = paths.map((path, i) => ({ path, most: Object.values(format.files)[i] }))
      return readCifar({ train: parts.slice(0, trainFiles), test: parts.slice(trainFiles) }, format)
    },
  }) satisfies Partial<CatalogueEntry>

const idx = {
  files: [
    'train-images-idx3-ubyte',
    'train-labels-idx1-ubyte',
    't10k-images-idx3-ubyte',
    't10k-labels-idx1-ubyte',
  ],
  counts: [60_000, 60_000, 10_000, 10_000],
  reads: 'the IDX version',
  otherVersions: [
    { is: 'the CSV version', files: [/mnist.*\.csv$/i], archive: /csv/i },
    { is: "Keras' version", files: [/^mnist\.npz$/], archive: /npz/i },
    { is: "torchvision's processed version", files: [/^training\.pt$/], archive: /processed/i },
    parquet,
  ],
  async read([trainImages, trainLabels, testImages, testLabels]: readonly string[]) {
    const train = await readIdx(trainImages, trainLabels)
    const test = await readIdx(testImages, testLabels)
    return { train, test, counts: [train.size, train.size, test.size, test.size] }
  },
} satisfies Partial<CatalogueEntry>

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
      usualEps: 8 / 255,
    },
    ...cifar(cifar10Format, 5, [/^data_batch_1$/, /^test_batch$/]),
    folders: ['data/cifar-10-batches-bin', 'data/cifar10'],
    subfolders: ['cifar-10-batches-bin'],
    howToGet:
      'download cifar-10-binary.tar.gz (162 MB) from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it with: tar -xzf cifar-10-binary.tar.gz -C data',
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
      usualEps: 8 / 255,
    },
    ...cifar(cifar100Format, 1, [/^train$/, /^test$/, /^meta$/]),
    folders: ['data/cifar-100-binary', 'data/cifar100'],
    subfolders: ['cifar-100-binary'],
    howToGet:
      'download cifar-100-binary.tar.gz (161 MB) from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it with: tar -xzf cifar-100-binary.tar.gz -C data',
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
      usualEps: 0.1,
    },
    ...idx,
    imagesPerClass: {
      train: [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
      test: [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    },
    folders: ['data/mnist', 'data/MNIST/raw'],
    subfolders: ['raw', 'MNIST', 'mnist'],
    howToGet:
      'download the four files train/t10k-images-idx3-ubyte.gz and -labels-idx1-ubyte.gz from https://ossci-datasets.s3.amazonaws.com/mnist/ into data/mnist',
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
      usualEps: 0.1,
    },
    ...idx,
    imagesPerClass: { train: new Array(10).fill(6000), test: new Array(10).fill(1000) },
    folders: ['data/fashion-mnist', 'data/FashionMNIST/raw', '/usr/share/datasets/fashion-mnist'],
    subfolders: ['raw', 'FashionMNIST', 'fashion-mnist', 'fashion'],
    howToGet:
      'install the Debian or Ubuntu package with: apt-get install dataset-fashion-mnist, or download the four .gz files named in https://github.com/zalandoresearch/fashion-mnist into data/fashion-mnist',
  },
}
