// The process that ops.ts watches: node ops-child.js SEED FROM TO. Says which call it begins, and what was wrong; with
// TO = FROM, which call that is.
import { writeSync } from 'node:fs'
import { OpFuzzer } from './op-calls.ts'

const [seed, from, to] = process.argv.slice(2).map(Number) as [number, number, number]
const fuzzer = new OpFuzzer()
// At once, so that it is out before a crash.
const say = (message: object) => writeSync(1, `${JSON.stringify(message)}\n`)
if (from === to) console.log(fuzzer.describe(seed, from))
else
  for (let index = from; index < to; index++) {
    say({ begins: index })
    const failure = await fuzzer.run(seed, index)
    if (failure !== null) say({ failure })
  }
if (from < to) say({ counts: fuzzer.counts })
