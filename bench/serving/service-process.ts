// A service as a child process, on a free port.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../src/native/package-root.ts'

export class ServiceProcess {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.url = `http://127.0.0.1:${port}`
  }

  /** The example, which serves tickets. @param args its options and ticket files */
  static ofTickets(args: readonly string[]): Promise<ServiceProcess> {
    const main = join(packageRoot, 'examples', 'serve', 'main.js')
    return ServiceProcess.#start([main, '--port', '0', '--admin-port', '0', ...args], line => {
      const { msg, port } = JSON.parse(line)
      return msg === 'a worker answers' ? port : undefined
    })
  }

  /** The same service with ONNX Runtime behind it. */
  static ofOnnx(modelFile: string, threads: number, maxBatch: number): Promise<ServiceProcess> {
    const main = fileURLToPath(new URL('onnx-service.js', import.meta.url))
    return ServiceProcess.#start([main, modelFile, String(threads), String(maxBatch)], Number)
  }

  /** @param portOf the port, if a line of the output tells it */
  static async #start(
    args: readonly string[],
    portOf: (line: string) => number | undefined,
  ): Promise<ServiceProcess> {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface(child.stdout)) {
      const port = portOf(line)
      if (port === undefined) continue
      child.stdout.resume()
      return new ServiceProcess(child, port)
    }
    throw new Error('The service ended before it answered.')
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await once(this.#child, 'exit')
  }
}
