// Asks a service over so many connections for so long, and says how fast it answered.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageRoot } from '../../src/native/package-root.ts'

export interface LoadResult {
  /** Answers of status 200 a second. */
  rate: number
  /** Milliseconds. */
  p50: number
  p99: number
}

type Autocannon = (
  options: Record<string, unknown>,
  done: (error: Error | null, result: LoadSummary) => void,
) => Running
interface LoadSummary {
  duration: number
  errors: number
  non2xx: number
}
interface Running {
  on(event: 'response', listener: (client: object, status: number, bytes: number, time: number) => void): void
}

/** @throws Error where a request failed */
export async function measureLoad(
  url: string,
  body: Buffer,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<LoadResult> {
  const load = createRequire(join(packageRoot, 'examples', 'serve', 'package.json'))
  const autocannon: Autocannon = load('autocannon')
  const times: number[] = []
  const summary = await new Promise<LoadSummary>((resolve, reject) => {
    const headers = { 'content-type': 'application/octet-stream' }
    const running = autocannon(
      { url: `${url}/predict`, method: 'POST', headers, body, connections, duration: seconds },
      (error, result) => (error ? reject(error) : resolve(result)),
    )
    running.on('response', (_client, _status, _bytes, time) => times.push(time))
  })
  if (summary.errors + summary.non2xx > 0) {
    throw new Error(`Expected all requests to be answered but ${summary.errors + summary.non2xx} were not.`)
  }
  times.sort((a, b) => a - b)
  const quantile = (q: number) => times[Math.floor(q * times.length)]!
  return { rate: times.length / summary.duration, p50: quantile(0.5), p99: quantile(0.99) }
}
