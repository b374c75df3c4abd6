// Whether output is coloured.
import { styleText } from 'node:util'

/** By the first of NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE and CLICOLOR that decides; else terminals are, but dumb ones. */
export function hasColours(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR)
  if (env.CLICOLOR_FORCE !== undefined && env.CLICOLOR_FORCE !== '0') return true
  if (env.CLICOLOR === '0' || env.TERM === 'dumb') return false
  return stream.isTTY === true
}

export type Style = Parameters<typeof styleText>[0]

/** The text in that style, whatever it is printed to. */
export function styled(style: Style, text: string): string {
  // Newer versions of Node would look at standard output and the environment themselves.
  return styleText(style, text, { validateStream: false })
}
