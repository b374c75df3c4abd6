// JSON in files. What is read: text that is nested too deep is refused before it is parsed, and names that stand twice in one
// object, of which JSON.parse would drop the first without a word.

/**
 * JSON of a report. Numbers that JSON does not have, such as the eps of an attack that looks for the nearest adversarial
 * image, become the texts 'Infinity', '-Infinity' and 'NaN', where JSON.stringify would write null.
 * @param indent spaces a level; default: all on one line
 */
export function formatJson(value: unknown, indent?: number): string {
  const finite = (_: string, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? String(item) : item
  return JSON.stringify(value, finite, indent)
}

/** Deepest nesting that any file of this package has reason for. */
const deepest = 64

/** @throws SyntaxError for what is no JSON, nested deeper than 64 levels, or has a name twice in one object */
export function parseJson(text: string): unknown {
  checkDepth(text)
  const value = JSON.parse(text)
  checkNames(text)
  return value
}

/** @throws SyntaxError where brackets and braces outside of strings nest deeper than 64 levels */
export function checkDepth(text: string): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === quote) i = endOfString(text, i)
    else if (c === openBracket || c === openBrace) {
      if (++depth > deepest) throw new SyntaxError(`it is nested deeper than ${deepest} levels`)
    } else if (c === closeBracket || c === closeBrace) depth--
  }
}

/** @param text that is JSON */
function checkNames(text: string): void {
  // Of each object or list that is open, the names so far; null for a list.
  const open: (Set<string> | null)[] = []
  let nameComes = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === openBrace || c === openBracket) {
      open.push(c === openBrace ? new Set() : null)
      nameComes = c === openBrace
    } else if (c === closeBrace || c === closeBracket) open.pop()
    else if (c === comma) nameComes = open.at(-1) !== null
    else if (c === quote) {
      const end = endOfString(text, i)
      if (nameComes) {
        const name = JSON.parse(text.slice(i, end + 1)) as string
        const names = open.at(-1)!
        if (names.has(name))
          throw new SyntaxError(`it has the name ${JSON.stringify(name)} twice in one object`)
        names.add(name)
        nameComes = false
      }
      i = end
    }
  }
}

const quote = 0x22
const comma = 0x2c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Where the string that begins at `from` ends: its second quote, or the end of the text. */
function endOfString(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x5c) i++
    else if (c === quote) return i
  }
  return text.length
}
