// npm run fuzz -- [--seconds n] [--seed n] [--only name]: looks for calls and files that the package answers with
// anything but a right result or a typed error. Exits with 1 where it finds some.
import { parseArgs } from 'node:util'
import { fuzzFiles } from './files.ts'
import { type FuzzOptions, type FuzzResult, fuzzOps } from './ops.ts'

const fuzzers: Record<string, (options: FuzzOptions) => Promise<FuzzResult>> = {
  ops: fuzzOps,
  files: fuzzFiles,
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '0' },
    only: { type: 'string' },
  },
})
const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
const names = values.only === undefined ? Object.keys(fuzzers) : [values.only]
if (!(seconds > 0) || !Number.isSafeInteger(seed) || seed < 0 || names.some(name => !fuzzers[name])) {
  console.error(`Expected --seconds n, --seed n and --only one of ${Object.keys(fuzzers).join(', ')}.`)
  process.exit(2)
}

let failed = false
for (const name of names) {
  const { runs, failures, notes } = await fuzzers[name]!({ seed, seconds: seconds / names.length })
  console.log(`${name}: ${runs} runs, ${failures.length} failures. ${notes?.join(' ') ?? ''}`)
  for (const failure of failures) console.log(`  ${failure}`)
  failed ||= failures.length > 0
}
process.exitCode = failed ? 1 : 0
