import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('worker-modes.mjs', import.meta.url))

describe('workers that end', () => {
  const cases = [
    ['terminated', 40],
    ['throwing', 40],
    ['exiting', 40],
    ['returning', 8],
    ['recording', 8],
  ] as const

  it.each(cases.flatMap(([mode, count]) => ['with', 'without'].map(main => [mode, count, main] as const)))(
    '%s, %i of them, %s the addon in the main thread, leave the process alive',
    async (mode, count, main) => {
      const { stdout } = await promisify(execFile)(process.execPath, [script, mode, String(count), main])
      expect(stdout).toBe('lives\n')
    },
  )
})
