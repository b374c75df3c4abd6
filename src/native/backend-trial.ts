// Tries the library of a backend in a process of its own: a driver that crashes or hangs must not take this one with it.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { addonPath } from './load.ts'

/** A device of a backend. */
export interface BackendDevice {
  readonly description: string
  /** Why it cannot be used; empty where it can. */
  readonly problem: string
}

/** What a library has to offer, or in one sentence why nothing. */
export type Verdict = { readonly devices: readonly BackendDevice[] } | { readonly problem: string }

/** Prints, as its last line, what the library says of its devices. */
const program = `
  const [, addon, library] = process.argv
  let verdict
  try {
    verdict = { devices: require(addon).backendDevices(library) }
  } catch (error) {
    verdict = { problem: error.message }
  }
  process.stdout.write('\\n' + JSON.stringify(verdict), () => process.exit())
`

/** @param patience milliseconds that the library may take */
export function tryBackend(path: string, patience = 30_000): Verdict {
  const wrong = (what: string) => ({ problem: `The library ${path} cannot be used: ${what}.` })
  let trial: SpawnSyncReturns<string>
  try {
    // NODE_OPTIONS are this process's own: a debugger's port, modules to load first.
    const { NODE_OPTIONS: _, ...env } = process.env
    trial = spawnSync(process.execPath, ['--input-type=commonjs', '--eval', program, addonPath(), path], {
      env: { ...env, ELECTRON_RUN_AS_NODE: '1' },
      encoding: 'utf8',
      timeout: patience,
      killSignal: 'SIGKILL',
      windowsHide: true,
    })
  } catch (error) {
    trial = { error } as SpawnSyncReturns<string>
  }
  const { error, signal, status, stdout, stderr } = trial
  const { code } = (error ?? {}) as NodeJS.ErrnoException
  if (code === 'ETIMEDOUT') return wrong(`it did not answer within ${patience / 1000} s when it was tried`)
  if (code === 'ERR_ACCESS_DENIED') {
    return wrong(
      "Node's permission model forbids the process in which it would be tried: add --allow-child-process",
    )
  }
  if (error) return wrong(`the process in which it would be tried could not be started (${error.message})`)
  const answer = answerIn(stdout)
  if (answer) return answer
  const ended = signal === null ? `exit code ${status}` : signal
  const said = stderr.trim().split('\n').at(-1)
  return wrong(`it ended the process in which it was tried (${ended}${said ? `; ${said}` : ''})`)
}

function answerIn(stdout: string): Verdict | undefined {
  try {
    return JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1)) as Verdict
  } catch {
    return undefined
  }
}
