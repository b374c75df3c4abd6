// npm run prebuild: addons for all platforms of targets.mjs, made on Linux x64 by cross compilation, into prebuilds/.
import { parseArgs } from 'node:util'
import { build, prebuilt } from './build.mjs'
import { check, table } from './check.mjs'
import { host, targets } from './targets.mjs'

const help = `Builds the addon for each platform into prebuilds/.

  npm run prebuild                              all: ${targets.map(({ name }) => name).join(', ')}
  npm run prebuild -- --platform linux-x64      this one; may be given again; 'host' is this machine's
  npm run prebuild -- --check                   builds nothing: loads each where it can run here, runs the native tests and a
                                                small search, compares the ticket with that of linux-x64
  npm run prebuild -- --check --no-native-tests the same without the native tests, which take minutes to build

It needs Linux x64 with g++, g++-aarch64-linux-gnu, CMake, LLVM's tools and Highway's headers, says what is missing,
and takes Zig from npm or the environment variable ZIG.`

async function main() {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      platform: { type: 'string', multiple: true },
      check: { type: 'boolean', default: false },
      'native-tests': { type: 'boolean', default: true },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(help)
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`Expected Linux x64 but this is ${process.platform} ${process.arch}: cross compilation starts there. Here, npm run build:native builds an addon for this machine.`)
  }
  const chosen = named(values.platform ?? targets.map(({ name }) => name))
  if (!values.check) {
    for (const target of chosen) await build(target)
    return
  }
  const built = chosen.filter(prebuilt)
  if (built.length === 0) throw new Error('Nothing is built: run npm run prebuild first.')
  const results = await check(built, { nativeTests: values['native-tests'] })
  console.log(`\n${table(results)}`)
  if (results.some(({ failed }) => failed)) process.exitCode = 1
}

function named(names) {
  return names.map(name => {
    const target = name === 'host' ? host : targets.find(row => row.name === name)
    if (target) return target
    throw new Error(`Expected one of ${targets.map(row => row.name).join(', ')} or host for --platform but received '${name}'.`)
  })
}

try {
  await main()
} catch (error) {
  console.error(`npm run prebuild: ${error.message}`)
  process.exitCode = 1
}
