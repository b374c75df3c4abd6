// Packs the package and installs it as a user does, where no compiler is in reach.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root, work } from './tools.mjs'

/** @returns the path of the tarball, and what npm says of it */
export function pack() {
  mkdirSync(work, { recursive: true })
  const flags = ['pack', '--json', '--ignore-scripts', '--pack-destination', work]
  const [about] = JSON.parse(execFileSync('npm', flags, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }))
  return { tarball: join(work, about.filename), ...about }
}

/** A folder that is all of PATH: Node.js and npm, no compiler, no CMake. */
export function barePath() {
  const bin = join(work, 'bin')
  rmSync(bin, { recursive: true, force: true })
  mkdirSync(bin, { recursive: true })
  symlinkSync(process.execPath, join(bin, 'node'))
  for (const command of ['sh', 'env']) symlinkSync(`/bin/${command}`, join(bin, command))
  return bin
}

/** An empty folder of an app, far from this checkout: what stands in folders above changes what is found. */
export function emptyFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'rst-install-'))
  writeFileSync(join(folder, 'package.json'), '{"name": "app", "private": true, "type": "module"}\n')
  return folder
}

/** Installs the packed package into an empty folder. @returns the folder, which the caller removes */
export function install({ tarball } = pack()) {
  const folder = emptyFolder()
  // npm run tells which npm it is.
  const npm = process.env.npm_execpath ?? join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js')
  execFileSync(process.execPath, [npm, 'install', '--no-audit', '--no-fund', tarball], {
    cwd: folder,
    env: { ...process.env, PATH: barePath() },
    stdio: 'inherit',
  })
  return folder
}
