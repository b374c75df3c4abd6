// YAML, and with it JSON, from files of users: nothing that is endless, circular or more than plain values.
import { isScalar, Lexer, LineCounter, parseDocument, visit } from 'yaml'

/** Deepest nesting that a file of options has reason for. */
const deepest = 64

/** @throws SyntaxError or another Error for what is no YAML, nested too deep, or holds tags, cycles or too many aliases */
export function parseYaml(text: string): unknown {
  checkDepth(text)
  const lineCounter = new LineCounter()
  // Pretty errors and its own check of keys take time by the square of their number.
  const settings = { prettyErrors: false, uniqueKeys: false, logLevel: 'error' } as const
  const document = parseDocument(text, { ...settings, lineCounter })
  const at = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset)
    return ` at line ${line}, column ${col}`
  }
  // A warning tells of a tag that is not resolved.
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) throw new SyntaxError(`${problem.message}${at(problem.pos[0])}`)
  visit(document, {
    Map(_, { items }) {
      const keys = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) throw new SyntaxError('a key is a list or a mapping, not a text')
        const place = at(key.range?.[0] ?? 0)
        if (keys.has(key.value)) throw new SyntaxError(`the key ${key.value} is given twice, again${place}`)
        keys.add(key.value)
      }
    },
  })
  const value: unknown = document.toJS({ maxAliasCount: 100 })
  checkCycles(value, [])
  return value
}

/** Depth by brackets, by dashes and question marks of one line, and by indentation. */
function checkDepth(text: string): void {
  let brackets = 0
  let marks = 0
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') brackets++
    else if (token === ']' || token === '}') brackets = Math.max(0, brackets - 1)
    else if (token === '-' || token === '?') marks++
    else if (token.endsWith('\n')) marks = 0
    if (brackets + marks > deepest) throw tooDeep()
  }
  const indents: number[] = []
  for (const [spaces] of text.matchAll(/^ *(?=[^ \r\n])/gm)) {
    while (indents.length > 0 && indents.at(-1)! >= spaces.length) indents.pop()
    indents.push(spaces.length)
    if (indents.length > deepest) throw tooDeep()
  }
}

function checkCycles(value: unknown, above: readonly unknown[]): void {
  if (typeof value !== 'object' || value === null) return
  if (above.includes(value)) throw new SyntaxError('an alias stands within what it stands for')
  for (const item of Object.values(value)) checkCycles(item, [...above, value])
}

function tooDeep(): SyntaxError {
  return new SyntaxError(`it is nested deeper than ${deepest} levels`)
}
