// What a report of a fault should say about the machine and the process.
import { availableParallelism, cpus, release, totalmem } from 'node:os'

/** The machine, and what of it this process may use. */
export interface Machine {
  /** Operating system and processor as Node names them: 'linux-x64'. */
  readonly platform: string
  /** Version of the operating system's kernel. */
  readonly release: string
  /** C library: 'glibc 2.36', 'musl'; null on systems that have but one. */
  readonly libc: string | null
  /** Processor as it calls itself; null where it does not say. */
  readonly cpu: string | null
  /** Cores of the machine, counting each hyper-thread. */
  readonly cores: number
  /** Those that this process may use: containers and taskset give fewer. */
  readonly usableCores: number
  /** Bytes of the machine. */
  readonly memory: number
  /** Bytes that this process may use: containers give fewer. */
  readonly usableMemory: number
}

export function describeMachine(): Machine {
  const processors = cpus()
  const memory = totalmem()
  // 0 or more than there is where nothing limits it.
  const limit = process.constrainedMemory?.() ?? 0
  return {
    platform: `${process.platform}-${process.arch}`,
    release: release(),
    libc: libc(),
    cpu: processors[0]?.model.trim() || null,
    cores: processors.length,
    usableCores: availableParallelism(),
    memory,
    usableMemory: limit > 0 ? Math.min(limit, memory) : memory,
  }
}

function libc(): string | null {
  if (process.platform !== 'linux') return null
  const { header, sharedObjects } = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string }
    sharedObjects: readonly string[]
  }
  if (header.glibcVersionRuntime !== undefined) return `glibc ${header.glibcVersionRuntime}`
  return sharedObjects.some(path => /\bmusl\b/.test(path)) ? 'musl' : null
}

/** Variables of others that change what this package does, beside those that begin with RST_. */
const foreign = [
  'NODE_OPTIONS',
  'UV_THREADPOOL_SIZE',
  'CUDA_VISIBLE_DEVICES',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
]

/** The variables of the environment that matter, by name. */
export function relevantEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<string, string>> {
  const names = Object.keys(env).filter(name => name.startsWith('RST_') || foreign.includes(name))
  return Object.fromEntries(names.sort().map(name => [name, env[name]!]))
}
