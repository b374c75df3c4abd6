// npm run build:native: compiles the addon where it lies, in a checkout or in an installed package that no prebuilt one
// fits. What only this needs (cmake-js and Node-API's headers) is installed into build/tools where the package manager
// has not brought it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(fileURLToPath(import.meta.url), '../..')
const tools = join(root, 'build', 'tools')
const needed = ['cmake-js', 'node-addon-api', 'node-api-headers']
const found = [root, tools].find(hasAll) ?? install()

// CMakeLists.txt asks Node where the headers are.
run(process.execPath, [join(packageOf('cmake-js', found), 'bin', 'cmake-js'), 'compile', ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, NODE_PATH: dirname(packageOf('node-addon-api', found)) },
})

/** The folder of a package as code in `from` finds it. */
function packageOf(name, from) {
  return dirname(createRequire(join(from, 'package.json')).resolve(`${name}/package.json`))
}

function hasAll(from) {
  try {
    for (const name of needed) packageOf(name, from)
    return true
  } catch {
    return false
  }
}

function install() {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const packages = needed.map(name => `${name}@${devDependencies[name]}`)
  console.log(`Installing ${packages.join(', ')} into ${tools}`)
  mkdirSync(tools, { recursive: true })
  writeFileSync(join(tools, 'package.json'), '{"private": true}\n')
  const windows = process.platform === 'win32'
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts']
  run(windows ? 'npm.cmd' : 'npm', ['install', ...flags, ...packages], { cwd: tools, shell: windows })
  return tools
}

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (error) console.error(`${command} could not be started: ${error.message}.`)
  if (status !== 0) process.exit(status ?? 1)
}
