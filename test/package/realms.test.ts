import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(dirname(here))

it('the package works in contexts of node:vm, as test runners make them (in-context.ts)', async () => {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  // Without what the outer run tells its children.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^VITEST/.test(name)))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [vitest, 'run', '--config', join(here, 'vm-pool.config.ts')],
    { cwd: root, env },
  )
  expect(stdout).toMatch(/5 passed/)
})
