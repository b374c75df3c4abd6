// rst eval on a real ticket, from the command line to the files.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { datasets } from '../../src/data/datasets.ts'
import { Device } from '../../src/tensor/device.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { jsonOf, rst } from './run-rst.ts'
import { data, folder, out, useWorkspace } from './workspace.ts'

useWorkspace()

it('an interrupted evaluation goes on to the same numbers, and every file agrees with them', async () => {
  const device = new Device({ threads: 1 })
  const set = await datasets.open('fashion-mnist', join(data, 'idx'))
  using made = await quickTicket(0.5, device, { data: set, width: 0.05, batchSize: 8 })
  const path = join(folder, 'real.safetensors')
  await made.save(path)
  const images = ['--data', join(data, 'idx'), '--threads', '1', '--batch-size', '1', '--json']
  const given = ['--attack', 'pgd,square', '--steps', '3', '--queries', '20', '--eps', '0.02']
  const args = ['eval', '--ticket', path, ...given, ...images]

  const whole = jsonOf(await rst(args))
  expect(whole.naturalAccuracy).toBeGreaterThan(0)
  const stopped = await rst([...args, '--out', out()], {
    isTTY: true,
    during: [/evaluate.* pgd-3 /, interrupt => interrupt()],
  })
  expect(stopped.code).toBe(130)
  expect(await readdir(out())).toEqual(['evaluation-state'])
  const resumed = await rst([...args, '--out', out(), '--resume', '--save', join(out(), 'images')])
  const untimed = (json: object) =>
    JSON.stringify(json, (key, value) => (['seconds', 'date'].includes(key) ? 0 : value))
  expect(untimed(jsonOf(resumed))).toBe(untimed(whole))

  expect((await readdir(out())).sort()).toEqual(['evaluation.json', 'images', 'images.csv'])
  expect((await readdir(join(out(), 'images'))).sort()).toEqual(
    ['pgd-3', 'square'].flatMap(name => [`${name}.png`, `${name}.safetensors`]),
  )
  const [header, ...rows] = (await readFile(join(out(), 'images.csv'), 'utf8')).trimEnd().split('\n')
  const columns = header.split(',')
  expect(rows).toHaveLength(whole.images)
  const cells = rows.map(row => row.split(','))
  const at = (row: string[], column: string) => row[columns.indexOf(column)]
  const natural = cells.filter(row => at(row, 'prediction') === at(row, 'class'))
  expect(natural.length / rows.length).toBe(whole.naturalAccuracy)
  for (const { name, robustAccuracy } of whole.attacks) {
    const robust = cells.filter(row => at(row, `${name} broken by`) === 'robust')
    expect(robust.length / rows.length).toBe(robustAccuracy)
    for (const row of cells) {
      const right = at(row, `${name} prediction`) === at(row, 'class')
      expect(right).toBe(at(row, `${name} broken by`) === 'robust')
      expect(Number(at(row, `${name} norm`))).toBeLessThanOrEqual(0.02 + 1e-6)
    }
  }
})
