// What a user sees of the types: the declarations that the package ships.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import ts from 'typescript'
import { beforeAll, expect, it } from 'vitest'
import { declarations, entry, programOf } from './declarations.ts'
import { publicSymbols, undocumented } from './public-names.ts'

let files: Map<string, string>
let program: ts.Program
let checker: ts.TypeChecker
beforeAll(() => {
  files = declarations()
  program = programOf(ts, files, [entry])
  checker = program.getTypeChecker()
}, 180_000)

const isOurs = (path: string) => resolve(path).startsWith(resolve('dist'))

/** What a name stands for, through all imports and exports. */
function resolved(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

/** Everything that users can name: what the entry exports, and what its namespaces do. */
function namesOfPublic(): ReadonlyMap<string, ts.Symbol> {
  return publicSymbols(checker, checker.getSymbolAtLocation(program.getSourceFile(entry)!)!)
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

/** What a user's program has to say of the declarations, and of code that uses what is hard to write for all compilers. */
function problemsOf(compiler: typeof ts): string[] {
  const user = resolve('dist/user.ts')
  const code = `import { type AttackResult, Device, loadTicket, ops, tensor } from './index.js'
export function image({ adversarial, robust }: AttackResult): [Float32Array, Uint8Array, Blob] {
  return [adversarial, robust, new Blob([adversarial])]
}
export async function values(): Promise<Float32Array> {
  using x = tensor([1, 2], [2], { device: new Device({ threads: 1 }) })
  using ticket = await loadTicket('ticket.safetensors')
  return [await ops.relu(x).data(), await ticket.logits(x).data()][0]
}
`
  const used = programOf(compiler, new Map([...files, [user, code]]), [user])
  const texts = compiler
    .getPreEmitDiagnostics(used)
    .map(({ messageText }) => compiler.flattenDiagnosticMessageText(messageText, '\n'))
  const problems = [...files.keys()].filter(path => used.getSourceFile(path)).length > 50 ? [] : ['few files']
  return [...texts, ...problems]
}

it('the declarations are in order by themselves', () => {
  expect(problemsOf(ts)).toEqual([])
}, 60_000)

it('and for the oldest TypeScript that the README names', async () => {
  const { default: older } = (await import('typescript-5.4')) as unknown as { default: typeof ts }
  expect(older.version).toMatch(/^5\.4\./)
  expect(await readFile('README.md', 'utf8')).toContain('TypeScript 5.4')
  expect(problemsOf(older)).toEqual([])
}, 60_000)

it('every type that a public signature mentions is exported', () => {
  const names = namesOfPublic()
  expect(names.size).toBeGreaterThan(100)
  const known = new Set(names.values())
  const missing = new Set<string>()
  for (const [name, symbol] of names) {
    for (const declaration of symbol.declarations ?? []) {
      for (const type of mentioned(declaration)) if (!known.has(type)) missing.add(`${type.name}, of ${name}`)
    }
  }
  expect([...missing]).toEqual([])
})

it('what only the package itself may call is not exported', () => {
  const names = [...namesOfPublic().keys()]
  expect(names).toEqual(expect.arrayContaining(['vjp', 'subset', 'attackFrame.hostAttack', 'ops.relu']))
  for (const name of ['ops.recordMaskedWeight', 'ops.assign', 'ops.attackStep']) {
    expect(names).not.toContain(name)
  }
})

it('the comments of the source, with their examples, stand in the declarations', () => {
  expect(undocumented(checker, namesOfPublic())).toEqual([])
})
