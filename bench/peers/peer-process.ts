// A peer in a process of its own. It prints `ready`, then answers each line on its standard input with one line:
//   run N   → seconds S   of one iteration, the mean of N in a row (N > 1: after one that is not timed)
//   check   → check JSON  { logits, gradient? }, row-major
//   memory  → memory B    bytes resident at the peak
// Lines that begin with another word are the peer's own messages and are passed over.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Milliseconds for a peer to end. */
const patience = 10_000

export interface PeerCommand {
  file: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
}

export interface CheckedValues {
  logits: number[]
  gradient?: number[]
}

export class PeerProcess {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<string>
  #stderr = ''

  private constructor({ file, args, env }: PeerCommand) {
    // A process group of its own: what a peer does to its group must not reach this process.
    this.#child = spawn(file, args, { env: { ...process.env, ...env }, detached: true })
    this.#child.stderr.on('data', chunk => {
      this.#stderr = (this.#stderr + chunk).slice(-20_000)
    })
    this.#child.stdin.on('error', () => {}) // a peer that died: reported by the answer that does not come
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
    this.#ended = new Promise(resolve => {
      this.#child.on('error', error => resolve(error.message))
      this.#child.on('close', (code, signal) =>
        resolve(lastError(this.#stderr) ?? `It ended with ${signal ?? code}.`),
      )
    })
  }

  /** Resolves once the peer is ready. @throws Error with the peer's last error */
  static async start(command: PeerCommand): Promise<PeerProcess> {
    const peer = new PeerProcess(command)
    await peer.#answer('ready')
    return peer
  }

  /** Seconds of one iteration. */
  async time(iterations: number): Promise<number> {
    return Number(await this.#ask(`run ${iterations}`, 'seconds'))
  }

  async check(): Promise<CheckedValues> {
    return JSON.parse(await this.#ask('check', 'check'))
  }

  async peakMemory(): Promise<number> {
    return Number(await this.#ask('memory', 'memory'))
  }

  /** Lets it end by itself, with whatever processes it started, and kills it if it does not. */
  async stop(): Promise<void> {
    this.#child.stdin.end()
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), patience)
    await this.#ended
    clearTimeout(deadline)
  }

  #ask(line: string, answer: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`)
    return this.#answer(answer)
  }

  /** The rest of the next line that begins with the word. */
  async #answer(word: string): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done) throw new Error(await this.#ended)
      if (value === word || value.startsWith(`${word} `)) return value.slice(word.length + 1)
    }
  }
}

/** The line that says what went wrong, out of a traceback of Python or Node. */
export function lastError(stderr: string): string | null {
  const lines = stderr.split('\n').map(line => line.trim())
  return (
    lines.findLast(line => /^(\w+\.)*\w*(Error|Exception|NotFound)\b.*:/.test(line)) ??
    lines.findLast(line => line !== '') ??
    null
  )
}
