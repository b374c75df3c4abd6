// What a user sees of the types: the declarations that the package ships.
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import { beforeAll, expect, it } from 'vitest'

/** The declarations as the build makes them, by their paths. */
function declarations(): Map<string, string> {
  const { config } = ts.readConfigFile('tsconfig.build.json', ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd())
  const ambient = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.d.ts'))
    .map(name => join('src', name))
  const program = ts.createProgram([resolve('src/index.ts'), ...ambient], { ...options, sourceMap: false })
  const found = new Map<string, string>()
  program.emit(undefined, (path, text) => found.set(resolve(path), text), undefined, true)
  return found
}

let files: Map<string, string>
let program: ts.Program
let checker: ts.TypeChecker
const entry = resolve('dist/index.d.ts')
beforeAll(() => {
  files = declarations()
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
    types: ['node'],
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = path => files.has(resolve(path)) || (!isOurs(path) && fileExists(path))
  host.readFile = path => files.get(resolve(path)) ?? readFile(path)
  host.getSourceFile = (path, language, ...rest) => {
    const text = files.get(resolve(path))
    return text === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, text, language, true)
  }
  program = ts.createProgram([entry], options, host)
  checker = program.getTypeChecker()
}, 180_000)

const isOurs = (path: string) => resolve(path).startsWith(resolve('dist'))

/** What a name stands for, through all imports and exports. */
function resolved(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

/** Everything that users can name, by how they name it: what the entry exports, and what its namespaces do. */
function publicSymbols(): Map<ts.Symbol, string> {
  const found = new Map<ts.Symbol, string>()
  const add = (module: ts.Symbol, prefix: string) => {
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = resolved(exported)
      if (symbol.flags & ts.SymbolFlags.ValueModule) add(symbol, `${prefix}${exported.name}.`)
      else found.set(symbol, prefix + exported.name)
    }
  }
  add(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!, '')
  return found
}

const { Class, Interface, TypeAlias, Enum, Function: aFunction, Variable } = ts.SymbolFlags

/** The types of the package that a declaration mentions, also by the type of another function or constant. */
function mentioned(declaration: ts.Node, seen = new Set<ts.Node>()): Set<ts.Symbol> {
  const found = new Set<ts.Symbol>()
  const visit = (node: ts.Node) => {
    if (ts.isIdentifier(node)) {
      const symbol = checker.getSymbolAtLocation(node)
      const meant = symbol && resolved(symbol)
      const [of] = meant?.declarations ?? []
      if (of && isOurs(of.getSourceFile().fileName) && !ts.isTypeParameterDeclaration(of)) {
        // A generic alias that its file keeps to itself only computes a type.
        const helper = ts.isTypeAliasDeclaration(of) && of.typeParameters && !isExported(of)
        if (!helper && meant!.flags & (Class | Interface | TypeAlias | Enum)) found.add(meant!)
        else if (helper || meant!.flags & (aFunction | Variable)) {
          for (const type of mentionedOnce(of, seen)) found.add(type)
        }
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(declaration)
  return found
}

const isExported = (declaration: ts.TypeAliasDeclaration) =>
  declaration.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true

function mentionedOnce(declaration: ts.Node, seen: Set<ts.Node>): Set<ts.Symbol> {
  if (seen.has(declaration)) return new Set()
  seen.add(declaration)
  return mentioned(declaration, seen)
}

it('the declarations are in order by themselves', () => {
  const problems = [...files.keys()].flatMap(path => {
    const file = program.getSourceFile(path)
    return file ? program.getSemanticDiagnostics(file) : []
  })
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
})

it('every type that a public signature mentions is exported', () => {
  const known = publicSymbols()
  expect(known.size).toBeGreaterThan(100)
  const missing = new Set<string>()
  for (const [symbol, name] of known) {
    for (const declaration of symbol.declarations ?? []) {
      for (const type of mentioned(declaration)) if (!known.has(type)) missing.add(`${type.name}, of ${name}`)
    }
  }
  expect([...missing]).toEqual([])
})

it('what only the package itself may call is not exported', () => {
  const names = [...publicSymbols().values()]
  expect(names).toEqual(expect.arrayContaining(['vjp', 'subset', 'attackFrame.hostAttack', 'ops.relu']))
  for (const name of ['ops.recordMaskedWeight', 'ops.assign', 'ops.attackStep']) {
    expect(names).not.toContain(name)
  }
})
