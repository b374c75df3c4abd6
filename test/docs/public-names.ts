// What users can name, and whether it is documented: by the compiler's view of the source.
import { relative, resolve } from 'node:path'
import ts from 'typescript'

const root = resolve(import.meta.dirname, '../..')
const { Alias, Class, Function: aFunction, Interface, TypeAlias, ValueModule } = ts.SymbolFlags

/** Everything that the module exports, by how users name it: also what its namespaces do. */
export function publicSymbols(
  checker: ts.TypeChecker,
  module: ts.Symbol,
  prefix = '',
): Map<string, ts.Symbol> {
  return new Map(
    checker.getExportsOfModule(module).flatMap((exported): [string, ts.Symbol][] => {
      const symbol = exported.flags & Alias ? checker.getAliasedSymbol(exported) : exported
      const name = prefix + exported.name
      return symbol.flags & ValueModule
        ? [...publicSymbols(checker, symbol, `${name}.`)]
        : [[name, symbol] as [string, ts.Symbol]]
    }),
  )
}

/**
 * What lacks a comment, each with its file: names, parameters of functions, members of classes, interfaces and object
 * types; and what can be called but is in no example.
 */
export function undocumented(checker: ts.TypeChecker, names: ReadonlyMap<string, ts.Symbol>): string[] {
  const gaps = new Set<string>()
  const fileOf = (node: ts.Node) => relative(root, node.getSourceFile().fileName)
  const missing = (node: ts.Node, what: string) => gaps.add(`${fileOf(node)}: ${what}`)
  const textOf = (symbol: ts.Symbol) => ts.displayPartsToString(symbol.getDocumentationComment(checker))
  const tagsOf = (of: { getJsDocTags(checker?: ts.TypeChecker): ts.JSDocTagInfo[] }) =>
    of.getJsDocTags(checker).map(({ name, text }) => ({ name, text: ts.displayPartsToString(text) }))

  /** One that is called. A parameter counts as told where the comment has its name. */
  const checkCallable = (name: string, symbol: ts.Symbol, node: ts.Node) => {
    const text = textOf(symbol)
    const tags = tagsOf(symbol)
    if (text === '') missing(node, `${name} has no comment`)
    const signatures = checker
      .getTypeOfSymbolAtLocation(symbol, node)
      .getNonNullableType()
      .getCallSignatures()
    const told = [
      text,
      ...[symbol, ...signatures]
        .flatMap(tagsOf)
        .filter(tag => tag.name !== 'example')
        .map(tag => tag.text),
    ].join('\n')
    for (const { name: parameter } of signatures.flatMap(({ parameters }) => parameters)) {
      if (!parameter.startsWith('__') && !namesWord(told, parameter))
        missing(node, `${name}: parameter ${parameter}`)
    }
    return tags.some(tag => tag.name === 'example')
  }

  const checkMembers = (name: string, owner: ts.Symbol, members: readonly ts.Symbol[]) => {
    const examples = [owner, ...members]
      .flatMap(tagsOf)
      .filter(tag => tag.name === 'example')
      .map(({ text }) => text)
      .join('\n')
    for (const member of members) {
      const node = member.declarations?.[0]
      if (!node || !owner.declarations?.includes(node.parent as ts.Declaration) || isHidden(member, node))
        continue
      const path = `${name}.${member.name}`
      if (ts.isMethodSignature(node)) checkCallable(path, member, node)
      else if (!ts.isMethodDeclaration(node)) {
        if (textOf(member) === '') missing(node, `${path} has no comment`)
      } else if (!checkCallable(path, member, node) && !isIn(examples, member.name)) {
        missing(node, `${path} is in no example`)
      }
    }
  }

  /** Fields of object types inside a declaration; those of parameters and results may be told by their tags. */
  const checkInside = (name: string, node: ts.Node) => {
    if (ts.isParameter(node) || ts.isBlock(node) || ts.isTypeParameterDeclaration(node)) return
    if (ts.isFunctionLike(node) && ts.getJSDocReturnTag(node)) return
    if (ts.isPropertyDeclaration(node) && ts.isPrivateIdentifier(node.name)) return
    if (ts.isPropertySignature(node) && ts.isTypeLiteralNode(node.parent)) {
      const field = node.name.getText()
      if (ts.getJSDocCommentsAndTags(node).length === 0) missing(node, `${name}: ${field} has no comment`)
    }
    const isOwnVariable = ts.isVariableDeclaration(node) && node.initializer
    if (!isOwnVariable) ts.forEachChild(node, child => checkInside(name, child))
  }

  /** What `using` declares is disposed. */
  const isIn = (examples: string, method: string) =>
    examples.includes(`.${method}(`) || (method === 'dispose' && examples.includes('using '))

  const isHidden = (member: ts.Symbol, node: ts.Declaration) =>
    member.name.startsWith('__') ||
    ts.isTypeParameterDeclaration(node) ||
    (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) !== 0 ||
    (ts.isClassElement(node) && node.name !== undefined && ts.isPrivateIdentifier(node.name)) ||
    tagsOf(member).some(tag => tag.name === 'internal')

  for (const [name, symbol] of names) {
    const node = symbol.declarations![0]
    for (const declaration of symbol.declarations!) checkInside(name, declaration)
    const type = checker.getTypeOfSymbolAtLocation(symbol, node)
    const isCalled =
      symbol.flags & aFunction || (ts.isVariableDeclaration(node) && type.getCallSignatures().length > 0)
    if (isCalled) {
      if (!checkCallable(name, symbol, node)) missing(node, `${name} has no example`)
      continue
    }
    if (textOf(symbol) === '') missing(node, `${name} has no comment`)
    if (symbol.flags & Class) {
      const isError = checker.getDeclaredTypeOfSymbol(symbol).getProperty('stack') !== undefined
      if (!isError && !tagsOf(symbol).some(tag => tag.name === 'example'))
        missing(node, `${name} has no example`)
      const statics = [...symbol.exports!.values()].filter(member => member.name !== 'prototype')
      checkMembers(name, symbol, [...symbol.members!.values(), ...statics])
      for (const made of (node as ts.ClassDeclaration).members.filter(ts.isConstructorDeclaration)) {
        const comment = ts
          .getJSDocCommentsAndTags(made)
          .map(part => part.getText())
          .join('\n')
        const untold = made.parameters.filter(
          ({ name: parameter }) => ts.isIdentifier(parameter) && !namesWord(comment, parameter.text),
        )
        if (comment.includes('@internal')) continue
        for (const { name: parameter } of untold)
          missing(node, `new ${name}: parameter ${parameter.getText()}`)
      }
    } else if (symbol.flags & Interface) checkMembers(name, symbol, [...symbol.members!.values()])
    else if (symbol.flags & TypeAlias) {
      const literal = (node as ts.TypeAliasDeclaration).type
      const members = ts.isTypeLiteralNode(literal) ? checker.getTypeAtLocation(literal).getProperties() : []
      for (const member of members)
        if (textOf(member) === '') missing(node, `${name}.${member.name} has no comment`)
    } else if (
      ts.isVariableDeclaration(node) &&
      node.initializer &&
      ts.isObjectLiteralExpression(node.initializer)
    ) {
      for (const property of type.getProperties()) {
        const [declared] = property.declarations!
        const path = `${name}.${property.name}`
        if (checker.getTypeOfSymbolAtLocation(property, node).getCallSignatures().length === 0) {
          if (textOf(property) === '') missing(declared, `${path} has no comment`)
        } else if (!checkCallable(path, property, declared)) missing(declared, `${path} has no example`)
      }
    }
  }
  return [...gaps]
}

function namesWord(text: string, word: string): boolean {
  return new RegExp(`(?<![\\p{L}\\p{N}_.])${word}(?![\\p{L}\\p{N}_])`, 'u').test(text)
}
