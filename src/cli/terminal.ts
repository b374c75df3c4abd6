// What a command prints, and where: results on standard output, everything else on standard error.

import { formatJson } from '../files/json.ts'
import { hasColours, type Style, styled } from './colours.ts'
import { layOut } from './layout.ts'

/** Of a terminal that does not tell, and of files. */
const usualColumns = 80

/** The process as the commands see it; tests pass their own. */
export interface Io {
  stdout: { write(text: string): unknown; isTTY?: boolean; columns?: number }
  stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number }
  env: Readonly<Record<string, string | undefined>>
  /** Milliseconds that only grow. */
  now(): number
  /** The time of day. */
  date(): Date
  /** Calls `handler` on each signal to stop, Ctrl-C by default, until the function it returns is called. */
  onInterrupt(handler: (signal?: NodeJS.Signals) => void): () => void
  /** Ends the process at once. */
  exit(code: number): void
}

export interface TerminalOptions {
  json?: boolean
  quiet?: boolean
  color: boolean
}

export class Terminal {
  readonly io: Io
  readonly #json: boolean
  readonly #quiet: boolean
  readonly #color: boolean

  constructor(io: Io, { json = false, quiet = false, color }: TerminalOptions) {
    this.io = io
    this.#json = json
    this.#quiet = quiet
    this.#color = color && hasColours(io.stderr, io.env)
  }

  /** Whether one line of standard error may be drawn over and over. */
  get canRedraw(): boolean {
    return this.io.stderr.isTTY === true && !this.#quiet && this.io.env.TERM !== 'dumb'
  }

  get columns(): number {
    return this.io.stderr.columns ?? usualColumns
  }

  /** A line of progress or explanation, on standard error; nothing when quiet. */
  log(line: string): void {
    if (!this.#quiet) this.io.stderr.write(`${line}\n`)
  }

  warn(line: string): void {
    this.io.stderr.write(`${this.#style('yellow', 'warning:')} ${line}\n`)
  }

  error(line: string): void {
    this.io.stderr.write(`${this.#style('red', 'error:')} ${line}\n`)
  }

  /** Draws `text` in place of the last drawn one. Only where `canRedraw`. */
  redraw(text: string): void {
    this.io.stderr.write(`\r\x1b[2K${text}`)
  }

  /** The part of a drawn text that stands out. */
  accent(text: string): string {
    return this.#style('cyan', text)
  }

  /**
   * A command's result: `lines` for people, or `json` as one line for programs, with the lines on standard error.
   * Nothing may be printed after it.
   */
  result(lines: readonly string[], json: object): void {
    const target = this.#json ? this.io.stderr : this.io.stdout
    // In a file the lines stay whole, for those who search in it, but tables are folded as on a terminal.
    const laidOut = target.isTTY
      ? layOut(lines, target.columns ?? usualColumns)
      : layOut(lines, Number.POSITIVE_INFINITY, usualColumns)
    if (this.#json) {
      for (const line of laidOut) this.log(line)
      this.io.stdout.write(`${formatJson(json)}\n`)
    } else {
      for (const line of laidOut) this.io.stdout.write(`${line}\n`)
    }
  }

  /** A failed command's JSON; nothing without --json. */
  failure(code: string, message: string): void {
    if (this.#json) this.io.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
  }

  /** Of standard error. */
  #style(style: Style, text: string): string {
    return this.#color ? styled(style, text) : text
  }
}
