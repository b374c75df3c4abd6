// TypeScript in documents: compiled as it is written, and run on small data.
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import ts from 'typescript'
import * as library from '../../src/index.ts'

/**
 * A program of texts that stand in no file, in which 'rst-native' is the source.
 * @param files by their paths
 * @param others paths of files on disk
 */
export function programOfTexts(
  files: ReadonlyMap<string, string>,
  others: readonly string[] = [],
): ts.Program {
  const root = resolve(import.meta.dirname, '../..')
  const { config } = ts.readConfigFile(resolve(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root)
  options.paths = { 'rst-native': [resolve(root, 'src/index.ts')] }
  options.noUnusedLocals = false
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  host.fileExists = path => files.has(path) || fileExists(path)
  host.readFile = path => files.get(path) ?? readFile(path)
  host.getCurrentDirectory = () => root
  return ts.createProgram([...files.keys(), ...others], options, host)
}

/** What the compiler has to say of files of a program, each with its place. */
export function problemsIn(program: ts.Program, paths: Iterable<string>): string[] {
  return [...paths].flatMap(path => {
    const file = program.getSourceFile(path)
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    return found.map(({ messageText, start = 0 }) => {
      const { line } = file!.getLineAndCharacterOfPosition(start)
      return `${path}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
  })
}

/** A data set of the same shape as a real one with few images. */
export function tiny(name: string) {
  const { channels, height, width, classes, classNames, flip, usualEps } = library.datasets.info(name)
  const split = (size: number) => ({
    images: Uint8Array.from({ length: size * channels * height * width }, (_, i) => (i * 37) % 251),
    labels: Array.from({ length: size }, (_, i) => i % classes),
  })
  return library.datasets.fromArrays({
    name,
    classNames,
    flip,
    usualEps,
    shape: [channels, height, width],
    train: split(24),
    test: split(8),
  })
}

const datasets = {
  ...library.datasets,
  open: async (name: string) => tiny(name),
  cifar10: async () => tiny('cifar10'),
  cifar100: async () => tiny('cifar100'),
  mnist: async () => tiny('mnist'),
  fashionMnist: async () => tiny('fashion-mnist'),
}

/**
 * Runs a snippet; real data sets are tiny ones, and so are the sizes that the snippets name.
 * @param told is handed what a line prints that says what: `console.log(…) // → …`
 */
export async function runSnippet(
  text: string,
  told: (stated: string, printed: string) => void = () => {},
): Promise<void> {
  const stated: string[] = []
  const small = text
    .replaceAll(/\b(limit|first): [\d_]+/g, '$1: 4')
    .replaceAll(/\bbatchSize: [\d_]+/g, 'batchSize: 8')
    .replaceAll(/console\.log\((.*)\) \/\/ → (.*)$/gm, (_, values: string, result: string) => {
      stated.push(result)
      return `console.told(${stated.length - 1}, ${values})`
    })
  const { outputText } = ts.transpileModule(small, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  const body = outputText
    .replaceAll(/^import (\{[^}]*\}) from 'rst-native';?/gm, 'const $1 = library')
    .replaceAll(/^import (\{[^}]*\}) from '(node:\w+(?:\/\w+)?)';?/gm, "const $1 = await import('$2')")
  const AsyncFunction = (async () => {}).constructor as new (
    ...code: string[]
  ) => (...values: unknown[]) => Promise<void>
  const console = {
    log() {},
    told: (index: number, ...values: unknown[]) => told(stated[index], values.map(printed).join(' ')),
  }
  await new AsyncFunction('library', 'console', body)({ ...library, datasets }, console)
}

/** As console.log prints it, but typed arrays as plain ones. */
function printed(value: unknown): string {
  if (typeof value === 'string') return value
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 4 })
    .replaceAll(/\b\w+Array\(\d+\) (?=\[)/g, '')
    .replaceAll(/\[ (.*?) \]/g, '[$1]')
}

const numbers = /-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g

/** Whether what is printed is what was stated: numbers to as many decimals as are stated. */
export function isAsStated(stated: string, printed: string): boolean {
  if (stated.replaceAll(numbers, '#') !== printed.replaceAll(numbers, '#')) return false
  const found = printed.match(numbers) ?? []
  return (stated.match(numbers) ?? []).every((text, i) => {
    const [, decimals = ''] = text.split('.')
    const tolerance = decimals === '' ? 0 : 0.501 * 10 ** -decimals.length
    return Math.abs(Number(text) - Number(found[i])) <= tolerance
  })
}
