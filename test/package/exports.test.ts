// What a file of the library exports, another file uses; the public interface is used by users.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const files = ['src', 'test', 'bench', 'fuzz', 'examples'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map(file => join(folder, file)),
)

interface Module {
  /** Functions, classes and constants that it declares and exports. */
  readonly values: readonly string[]
  /** Whether it declares nothing and only hands on. */
  readonly barrel: boolean
  /** 'file name' of all that it takes from others; 'file *' for all of a file. */
  readonly uses: readonly string[]
}

/** @param name of the file, by which what it imports is found */
function moduleOf(name: string, text: string): Module {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const values: string[] = []
  const uses: string[] = []
  const isOwn = (node: ts.Expression | undefined): node is ts.StringLiteral =>
    node !== undefined && ts.isStringLiteral(node) && node.text.startsWith('.')
  const placeOf = (node: ts.StringLiteral) => normalize(join(dirname(name), node.text))
  const take = (from: ts.StringLiteral, names: readonly string[]) =>
    uses.push(...names.map(one => `${placeOf(from)} ${one}`))
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && isOwn(node.moduleSpecifier)) {
      const bindings = node.importClause?.namedBindings
      const isWhole = bindings === undefined || ts.isNamespaceImport(bindings)
      take(node.moduleSpecifier, isWhole ? ['*'] : bindings.elements.map(originalName))
    } else if (ts.isExportDeclaration(node) && isOwn(node.moduleSpecifier)) {
      const { exportClause } = node
      const isWhole = exportClause === undefined || ts.isNamespaceExport(exportClause)
      take(node.moduleSpecifier, isWhole ? ['*'] : exportClause.elements.map(originalName))
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [from] = node.arguments
      if (isOwn(from)) take(from, ['*'])
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  for (const statement of source.statements) {
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    if (!isExported) continue
    if (ts.isVariableStatement(statement)) {
      for (const { name: declared } of statement.declarationList.declarations) {
        if (ts.isIdentifier(declared)) values.push(declared.text)
      }
    } else if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      if (statement.name) values.push(statement.name.text)
    }
  }
  const barrel = source.statements.every(ts.isExportDeclaration)
  return { values, barrel, uses }
}

function originalName({ propertyName, name }: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (propertyName ?? name).text
}

const modules = new Map(
  files.map(file => [file, moduleOf(file, readFileSync(join(root, file), 'utf8'))] as const),
)

/** What stands in src/ and no file takes, but for tables of options, which are there for whoever reads them. */
function unused(all: ReadonlyMap<string, Module>): string[] {
  const used = new Set([...all.values()].flatMap(({ uses }) => uses))
  return [...all].flatMap(([file, { values, barrel }]) => {
    if (!file.startsWith('src/') || file === 'src/index.ts' || used.has(`${file} *`)) return []
    const isTaken = [...used].some(use => use.startsWith(`${file} `))
    if (barrel && !isTaken) return [file]
    return values
      .filter(name => !name.endsWith('Rows') && !used.has(`${file} ${name}`))
      .map(name => `${file}: ${name}`)
  })
}

describe('an export', () => {
  it('of a value is used by another file, and a file that only hands on is imported', () => {
    expect(unused(modules)).toEqual([])
  })

  it('that nothing uses is found', () => {
    const made = new Map([
      ['src/a.ts', moduleOf('src/a.ts', 'export const used = 1\nexport function unused() {}')],
      ['src/b.ts', moduleOf('src/b.ts', "import { used } from './a.ts'\nused")],
      ['src/c.ts', moduleOf('src/c.ts', "export { used } from './a.ts'")],
    ])
    expect(unused(made)).toEqual(['src/a.ts: unused', 'src/c.ts'])
  })
})
