// The declarations that the package ships, and a compiler's view of them.
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript'

const { forOlderCompilers } = (await import(resolve('scripts/older-types.mjs'))) as {
  forOlderCompilers: (declarations: string) => string
}

/** Where a program finds the package's declarations. */
export const entry = resolve('dist/index.d.ts')

/** The declarations as the build makes them, by their paths. */
export function declarations(): Map<string, string> {
  const { config } = ts.readConfigFile('tsconfig.build.json', ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd())
  const ambient = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.d.ts'))
    .map(name => join('src', name))
  const program = ts.createProgram([resolve('src/index.ts'), ...ambient], { ...options, sourceMap: false })
  const found = new Map<string, string>()
  program.emit(undefined, (path, text) => found.set(resolve(path), forOlderCompilers(text)), undefined, true)
  return found
}

/**
 * A user's program, with the strictest checks.
 * @param compiler this TypeScript or another
 * @param files that are not on disk, by their paths; of dist/, there are no others
 * @param roots paths of the files to begin with
 */
export function programOf(
  compiler: typeof ts,
  files: ReadonlyMap<string, string>,
  roots: readonly string[],
): ts.Program {
  const options: ts.CompilerOptions = {
    target: compiler.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    module: compiler.ModuleKind.NodeNext,
    moduleResolution: compiler.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
    types: ['node'],
  }
  const host = compiler.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  const isOurs = (path: string) => resolve(path).startsWith(resolve('dist'))
  host.fileExists = path => files.has(resolve(path)) || (!isOurs(path) && fileExists(path))
  host.readFile = path => files.get(resolve(path)) ?? readFile(path)
  host.getSourceFile = (path, language, ...rest) => {
    const text = files.get(resolve(path))
    return text === undefined
      ? getSourceFile(path, language, ...rest)
      : compiler.createSourceFile(path, text, language, true)
  }
  return compiler.createProgram(roots, options, host)
}
