// Runs the program in this process and catches what it prints.
import { run } from '../../src/cli/program.ts'
import type { Io } from '../../src/cli/terminal.ts'

// Results of all kinds pass through here; the tests look into them.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Loose = any

export interface Ran {
  code: number
  stdout: string
  stderr: string
  /** Set when the program ended itself at once. */
  exited: number | undefined
}

export type Interrupt = (signal?: NodeJS.Signals) => void

export interface Conditions {
  env?: Record<string, string>
  isTTY?: boolean
  /** Of the terminal. Default 200. */
  columns?: number
  /** Called once, when progress like this is shown, with a function that presses Ctrl-C or sends another signal. */
  during?: [progress: RegExp, (interrupt: Interrupt) => void]
}

export async function rst(
  args: string[],
  { env = {}, isTTY = false, columns = 200, during }: Conditions = {},
): Promise<Ran> {
  const ran: Ran = { code: -1, stdout: '', stderr: '', exited: undefined }
  const handlers = new Set<Interrupt>()
  let time = 0
  let awaited = during
  const io: Io = {
    stdout: { write: text => (ran.stdout += text), isTTY, columns },
    stderr: {
      write(text) {
        ran.stderr += text
        if (awaited === undefined || !awaited[0].test(text)) return
        const [, act] = awaited
        awaited = undefined
        act(signal => {
          for (const handler of handlers) handler(signal)
        })
      },
      isTTY,
      columns,
    },
    env,
    now: () => (time += 50),
    date: () => new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
    onInterrupt(handler) {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
    exit: code => {
      ran.exited = code
    },
  }
  ran.code = await run(args, io)
  return ran
}

/** A process that shows nothing, to be replaced in part. */
export function silentIo(parts: Partial<Io>): Io {
  const silent = { write: () => {} }
  const date = () => new Date(Date.UTC(2026, 0, 2, 3, 4, 5))
  return {
    ...{ stdout: silent, stderr: silent, env: {}, date },
    ...{ now: () => 0, onInterrupt: () => () => {}, exit: () => {} },
    ...parts,
  }
}

/** The JSON object on the last line of standard output. */
export function jsonOf({ stdout }: Ran): Loose {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
}

/** The settings of the attacks, or of the adversary, that a result of --json is of. */
export function settingsOf(ran: Ran): Loose[] {
  return jsonOf(ran).provenance.attacks.map(({ name, norm, eps, settings }: Loose) => ({
    name,
    norm,
    eps,
    ...settings,
  }))
}
