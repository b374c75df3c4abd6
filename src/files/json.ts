// JSON from files: text that is nested too deep is refused before it is parsed.

/** Deepest nesting that any file of this package has reason for. */
const deepest = 64

/** @throws SyntaxError for what is no JSON, or nested deeper than 64 levels */
export function parseJson(text: string): unknown {
  checkDepth(text)
  return JSON.parse(text)
}

/** @throws SyntaxError where brackets and braces outside of strings nest deeper than 64 levels */
export function checkDepth(text: string): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString) {
      if (c === 0x5c) i++
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > deepest) throw new SyntaxError(`it is nested deeper than ${deepest} levels`)
    } else if (c === 0x5d || c === 0x7d) depth--
  }
}
