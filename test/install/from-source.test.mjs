// The addon built from source in an installed package, as where no prebuilt one fits. Compiles for minutes, so only where
// it is asked for: RST_FROM_SOURCE=1.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { install } from '../../scripts/prebuild/install.mjs'
import { root } from '../../scripts/prebuild/tools.mjs'

const asked = process.env.RST_FROM_SOURCE === '1'
if (!asked) console.warn('skipped: building from source, which takes minutes; RST_FROM_SOURCE=1 asks for it')

it.runIf(asked)('npm run build:native in the installed package brings its tools and builds what is then loaded', () => {
  const folder = install()
  try {
    const installed = join(folder, 'node_modules', 'rst-native')
    rmSync(join(installed, 'prebuilds'), { recursive: true })
    const out = join(folder, 'seen.json')
    const search = () =>
      execFileSync(process.execPath, [join(root, 'scripts/prebuild/smoke.mjs'), folder, 'search', out], {
        encoding: 'utf8',
        stdio: 'pipe',
      })
    expect(search).toThrow(`Build it with: cd ${installed} && npm run build:native`)

    execFileSync('npm', ['run', 'build:native'], { cwd: installed, stdio: 'inherit' })
    expect(existsSync(join(installed, 'build/tools/node_modules/cmake-js'))).toBe(true)
    search()
    expect(JSON.parse(readFileSync(out, 'utf8')).addon).toBe(join(installed, 'build/Release/rst-native.node'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 1_800_000)
