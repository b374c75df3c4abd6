import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { appendMetrics, restoreMetrics } from '../../src/files/metrics.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rst-metrics-'))
  path = join(folder, 'metrics.jsonl')
})
afterEach(() => rm(folder, { recursive: true }))

const records = [1, 2, 3].map(n => ({ step: 2 * n, loss: n / 2, candidate: { epoch: n } }))
const good = records.map(record => JSON.stringify(record))
const fileOf = (lines: readonly string[]) => lines.map(line => `${line}\n`).join('')

describe('restoreMetrics', () => {
  it('leaves what is right, also with more in it than the run knows', async () => {
    const lines = ['{"note":"é","step":2,"loss":0.5,"candidate":{"epoch":1}}', good[1], good[2]]
    await writeFile(path, fileOf(lines))
    expect(await restoreMetrics(path, records)).toEqual([])
    expect(await readFile(path, 'utf8')).toBe(fileOf(lines))
  })

  it('drops without a word what comes after the checkpoint, and a line that was cut off', async () => {
    await writeFile(path, `${fileOf([...good, '{"step":8,"loss":1}'])}{"step":10,"lo`)
    expect(await restoreMetrics(path, records)).toEqual([])
    expect(await readFile(path, 'utf8')).toBe(fileOf(good))
    await writeFile(path, `${fileOf(good.slice(0, 2))}${good[2]}`)
    expect(await restoreMetrics(path, records.slice(0, 2))).toEqual([])
    expect(await readFile(path, 'utf8')).toBe(fileOf(good.slice(0, 2)))
  })

  const damages: [string, string[], RegExp][] = [
    ['a broken line', [good[0], '{"step":4,"lo', good[2]], /line 2 is no JSON object with a step/],
    ['a broken line after the checkpoint', [...good, '{"step"', '{"step":8}'], /line 4 is no JSON/],
    ['a line of no step', ['{}', good[1], good[2]], /line 1 is no JSON object with a step/],
    ['a list', [good[0], good[1], '[1]'], /line 3 is no JSON object/],
    ['an empty line', [good[0], '', good[1], good[2]], /line 2 is no JSON/],
    [
      'another number',
      [good[0], good[1].replace('"loss":1', '"loss":2'), good[2]],
      /line 2 is not what step 4/,
    ],
    [
      'a step that the run never took',
      [...good.slice(0, 2), '{"step":5}', good[2]],
      /line 3 of step 5 does not/,
    ],
    ['a line twice', [good[0], good[1], good[1], good[2]], /line 3 of step 4 does not belong there/],
    ['a missing line', [good[0], good[2]], /the lines of 1 of 3 steps were missing/],
    ['a value twice', [good[0].replace('{', '{"step":3,'), good[1], good[2]], /line 1 is no JSON/],
    ['too deep a line', [good[0], good[1], '['.repeat(1e5), good[2]], /line 3 is no JSON/],
  ]
  it.each(damages)('names %s, and writes the file anew', async (_, lines, message) => {
    await writeFile(path, fileOf(lines))
    const problems = await restoreMetrics(path, records)
    expect(problems).toEqual([expect.stringMatching(message)])
    expect(problems[0]).toContain(path)
    expect(await readFile(path, 'utf8')).toBe(fileOf(good))
  })

  it('names a file that is gone', async () => {
    expect(await restoreMetrics(path, [])).toEqual([])
    expect(await restoreMetrics(path, records)).toEqual([expect.stringContaining('lines of 3 of 3 steps')])
    expect(await readFile(path, 'utf8')).toBe(fileOf(good))
  })
})

it('metrics are neither written into nor read from what is no file', async () => {
  spawnSync('mkfifo', [path])
  await expect(appendMetrics(path, records[0])).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_RST_FILE' }),
  )
  await expect(restoreMetrics(path, records)).rejects.toThrow(/no regular file/)
  await expect(appendMetrics(folder, records[0])).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_RST_FILE' }),
  )
})
