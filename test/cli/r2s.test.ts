// rst transfer and rst r2s.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { shortNames } from '../../src/cli/switch-lines.ts'
import { datasets } from '../../src/data/datasets.ts'
import { Device } from '../../src/tensor/device.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { jsonOf, rst, settingsOf } from './run-rst.ts'
import { cifar, data, folder, other, out, ticket, useWorkspace } from './workspace.ts'

useWorkspace()

const images = () => ['--data', join(data, 'idx'), '--threads', '1']
const command = (name: string, ...args: string[]) =>
  rst([name, '--tickets', `${ticket},${other}`, ...images(), '--steps', '1', '--limit', '7', ...args])
/** The same without --steps, which not all attacks read. */
const attacked = (name: string, ...args: string[]) =>
  rst([name, '--tickets', `${ticket},${other}`, ...images(), ...args])
const percent = (share: number) => `${(100 * share).toFixed(1)} %`

describe('rst transfer', () => {
  it('prints the matrix, attacked tickets in rows, with the rule of the attack', async () => {
    const { natural, matrix, mean } = jsonOf(await command('transfer', '--json'))
    const { code, stdout } = await command('transfer')
    expect(code).toBe(0)
    const cellsOf = (row: string) =>
      stdout
        .split('\n')
        .find(line => line.startsWith(row))!
        .match(/[\d.]+ %/g)
    expect(stdout).toMatch(/^accuracy of +ticket +other\n/)
    expect(cellsOf('natural')).toEqual(natural.map(percent))
    expect(cellsOf('attack on ticket')).toEqual(matrix[0].map(percent))
    expect(cellsOf('attack on other')).toEqual(matrix[1].map(percent))
    expect(stdout).toContain(`mean of the matrix ${percent(mean)} (`)
    expect(stdout).toContain(
      'on 7 of 20 images of fashion-mnist test (subset of seed 0); the attack moved all images',
    )
  })

  it('moves only correct images where asked, in L2 when eps is given', async () => {
    const ran = await command('transfer', '--only-correct', '--norm', 'l2', '--eps', '128/255')
    expect(ran.stdout).toContain('pgd-1 (L2 128/255)')
    expect(ran.stdout).toContain('(official rule)')
    expect((await command('transfer', '--norm', 'l2')).code).toBe(2)
  })

  it('writes what it prints as JSON', async () => {
    const json = jsonOf(await command('transfer', '--json', '--out', out()))
    expect(json).toMatchObject({
      tickets: [ticket, other],
      attack: { name: 'pgd-1', eps: 0.1, norm: 'linf', onlyCorrect: false },
      images: 7,
      seconds: expect.any(Number),
    })
    expect(JSON.parse(await readFile(join(out(), 'transfer.json'), 'utf8'))).toEqual(json)
  })
})

describe('rst r2s', () => {
  it('prints the expectation under PGD on one ticket by default', async () => {
    const given = ['--restarts', '2', '--only-correct']
    const ran = await command('r2s', ...given, '--json')
    expect(settingsOf(ran)).toMatchObject([{ eps: 0.1, steps: 1, restarts: 2, onlyCorrect: true }])
    const { naturalAccuracy, robustAccuracy, worstTicket, allTickets, matrix } = jsonOf(ran)
    const args = ['r2s', ticket, other, ...images(), '--steps', '1', '--limit', '7', ...given]
    const { stdout } = await rst(args, { isTTY: true, columns: 200 })
    expect(stdout).toMatch(/^expected accuracy +natural +robust +worst ticket +all tickets\n/)
    const cellsOf = (row: string) =>
      stdout
        .split('\n')
        .find(line => line.startsWith(row))!
        .match(/[\d.]+ %/g)
    const shares = [naturalAccuracy, robustAccuracy, worstTicket, allTickets]
    expect(cellsOf('switch of 2')).toEqual(shares.map(percent))
    expect(cellsOf('attack on ticket')).toEqual(matrix[0].map(percent))
    expect(cellsOf('attack on other')).toEqual(matrix[1].map(percent))
    expect(stdout).toMatch(
      /random: pgd-1 \(L∞ 0\.1\) on 7 of 20 images of fashion-mnist test .*official rule\)\nticket [0-9a-f]{12}, ticket/,
    )
  })

  it.each(['eot', 'ensemble-logits', 'ensemble-probs', 'arc'])('attacks all tickets by %s', async name => {
    const ran = await command('r2s', '--adversary', name, '--step-size', '0.05', '--json', '--out', out())
    expect(settingsOf(ran)).toMatchObject([{ eps: 0.1, steps: 1, stepSize: 0.05 }])
    const json = jsonOf(ran)
    expect(json.matrix).toHaveLength(1)
    expect(ran.stderr).toContain('attack on all')
    expect(json).toMatchObject({
      method: 'exact expectation',
      tickets: [ticket, other],
      adversary: { against: 'all' },
    })
    expect(JSON.parse(await readFile(join(out(), 'r2s.json'), 'utf8'))).toEqual(json)
  })

  it('attacks one ticket by any attack, or all by EOT-APGD', async () => {
    const few = ['--limit', '2', '--json']
    const names = ['--attack', 'square', '--queries', '5']
    for (const name of ['r2s', 'transfer']) {
      expect(settingsOf(await attacked(name, ...names, ...few))).toMatchObject([
        { name: 'square', queries: 5 },
      ])
    }
    const all = await attacked('r2s', '--adversary', 'eot-apgd', '--steps', '6', ...few)
    expect(settingsOf(all)).toMatchObject([{ eps: 0.1, steps: 6 }])
    expect(jsonOf(all).adversary.name).toContain('eot-apgd')
  })

  it('compares the switch with its best ticket, chosen on other images', async () => {
    const blind = await command('r2s')
    expect(blind.stdout).toMatch(
      /best single ticket, attacked alone: (ticket|other) with [\d.]+ % \([\d.]+–[\d.]+\); the switch gains .* points \(.* to .*\), z = .*; chosen on 4 of the images, reported on the other 3/,
    )
    expect(blind.stdout).toContain('the best of 2 is biased upwards there')
    const all = await command('r2s', '--adversary', 'arc')
    expect(all.stdout).toContain('--singles does, and compares the switch with the best')
    const singles = await command('r2s', '--adversary', 'arc', '--singles')
    expect(singles.stdout).toContain('best single ticket')
  })

  it('passes the choice of images and both seeds', async () => {
    const given = ['--steps', '1', '--attack-seed', '5', '--seed', '1', '--json']
    const choiceOf = async (...args: string[]) => {
      const { data, attacks } = jsonOf(await attacked(...(args as [string]), ...given)).provenance
      return { images: data.images, which: data.which, seed: attacks[0].seed }
    }
    expect(await choiceOf('r2s', '--first', '7')).toEqual({ images: 7, which: { first: 7 }, seed: 5 })
    expect(await choiceOf('transfer', '--limit', '7', '--data-seed', '3')).toEqual({
      images: 7,
      which: { subsetSeed: 3 },
      seed: 5,
    })
    expect(await choiceOf('r2s', '--first', '700')).toMatchObject({ images: 20 })
  })

  it('says that a simulation is one, with its interval', async () => {
    const ran = await command('r2s', '--simulate', '2')
    expect(ran.stdout).toMatch(/simulated accuracy +natural +robust +95 % interval\n/)
    expect(ran.stdout).toMatch(/switch of 2 +[\d.]+ % +[\d.]+ % +[\d.]+ % to [\d.]+ %\n/)
    expect(ran.stdout).toContain('a simulation of 14 draws; its interval is about draws on these images only')
    expect(jsonOf(await command('r2s', '--simulate', '2', '--json'))).toMatchObject({
      method: 'simulation',
      draws: 14,
      interval: { confidence: 0.95 },
    })
  })

  it.each([
    [['--adversary', 'eto'], 'did you mean eot?'],
    [['--adversary', 'eot', '--simulate', '3'], '--simulate is for --adversary random, not eot'],
    [['--adversary', 'arc', '--only-correct'], '--only-correct is for --adversary random, not arc'],
    [['--adversary', 'arc', '--restarts', '2'], '--restarts would repeat it'],
    [['--adversary', 'eot', '--attack', 'fgsm'], '--attack is for --adversary random, not eot'],
    [
      ['--singles'],
      '--singles is for --adversary arc, ensemble-logits, ensemble-probs, eot, eot-apgd, not random',
    ],
    [['--first', '5', '--limit', '6'], '--first, the first images, and --limit'],
    [['--first', '5', '--data-seed', '6'], '--data-seed is of the subset of --limit'],
    [['--simulate', '0'], 'from 1 to 1000000 for --simulate but received 0'],
    [['--norm', 'l2'], '--norm l2 needs --eps'],
    [['--eps', '8'], 'did you mean 8/255?'],
  ])('refuses %j', async (options, message) => {
    const ran = await attacked('r2s', ...options)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(message)
    expect(ran.stderr).not.toContain('r2s  ')
  })
})

it.each([
  [
    ['/a/b/rst-5.safetensors', '/a/b/rst-7.safetensors'],
    ['rst-5', 'rst-7'],
  ],
  [
    ['runs/5/ticket.safetensors', 'runs/7/ticket.safetensors'],
    ['5', '7'],
  ],
  [
    ['x/5/ticket.safetensors', 'y/5/best.safetensors'],
    ['x/5/ticket', 'y/5/best'],
  ],
  [
    ['ticket', 'a/ticket'],
    ['ticket', 'a/ticket'],
  ],
  [['runs/5/ticket.safetensors'], ['ticket']],
  [
    ['a/t', 'a/t'],
    ['t', 't'],
  ],
])('tickets %j are called %j', (paths, names) => {
  expect(shortNames(paths)).toEqual(names)
})

describe.each(['transfer', 'r2s'])('rst %s', name => {
  it('needs tickets, which may also come from a list in --config', async () => {
    const without = await rst([name, ...images()])
    expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('--tickets is required') })
    expect((await rst([name, '--tickets', `${ticket},`, ...images()])).code).toBe(2)
    const file = join(folder, 'switch.yaml')
    await writeFile(file, `tickets: [${ticket}, ${other}]\ndata: ${join(data, 'idx')}\nsteps: 1\n`)
    const ran = await rst([name, '--config', file, '--json'])
    expect(jsonOf(ran).tickets).toEqual([ticket, other])
  })

  it('resumes what is interrupted, and says how after Ctrl-C', async () => {
    const refused = await command(name, '--resume')
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--resume needs the folder') })
    const given = [name, '--tickets', `${ticket},${other}`, ...images(), '--steps', '2', '--batch-size', '1']
    const stopped = (...args: string[]) =>
      rst([...given, ...args], {
        isTTY: true,
        during: [/ on ticket 1 .*\d\/20 images/, interrupt => interrupt()],
      })
    const kept = await stopped('--out', out())
    expect(kept.code).toBe(130)
    expect(kept.stderr).toContain('give the same command with --resume')
    expect(await readdir(out())).toEqual(['evaluation-state'])
    expect((await stopped()).stderr).toContain('With --out DIR what is done would have been kept')
    expect((await rst([...given, '--out', out(), '--resume'])).code).toBe(0)
    expect(await readdir(out())).toEqual([`${name}.json`])
  })

  it('refuses images of another size, and a ticket that is missing', async () => {
    const foreign = await rst([name, '--tickets', ticket, ...cifar()])
    expect(foreign).toMatchObject({ code: 2, stderr: expect.stringContaining('but cifar10 has 3×32×32') })
    await rm(ticket)
    const missing = await rst([name, '--tickets', ticket, ...images()])
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no such file') })
  })
})

it('both commands agree on real tickets, and refuse those of different random networks', async () => {
  const device = new Device({ threads: 1 })
  const set = await datasets.open('fashion-mnist', join(data, 'idx'))
  const paths: string[] = []
  for (const [ratio, weightSeed] of [
    [0.3, 1],
    [0.6, 1],
    [0.3, 2],
  ]) {
    using made = await quickTicket(ratio, device, { data: set, width: 0.05, batchSize: 8, weightSeed })
    paths.push(join(folder, `${ratio}-${weightSeed}.safetensors`))
    await made.save(paths.at(-1)!)
  }
  const options = [...images(), '--steps', '3', '--threads', '1', '--json']
  const run = (name: string, ...args: string[]) =>
    rst([name, '--tickets', paths.slice(0, 2).join(','), ...options, ...args])
  const { matrix, natural, mean } = jsonOf(await run('transfer'))
  const expected = jsonOf(await run('r2s'))
  expect(expected.matrix).toEqual(matrix)
  expect(expected.robustAccuracy).toBe(mean)
  expect(expected.naturalAccuracy).toBeCloseTo((natural[0] + natural[1]) / 2, 12)
  for (const adversary of ['eot', 'ensemble-logits', 'ensemble-probs', 'arc']) {
    const json = jsonOf(await run('r2s', '--adversary', adversary))
    expect(json.matrix).toHaveLength(1)
    expect(json.robustAccuracy).toBeCloseTo((json.matrix[0][0] + json.matrix[0][1]) / 2, 12)
  }
  const refused = await rst(['r2s', '--tickets', paths.join(','), ...options])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('weightSeed is 2 in ticket 3 and 1 in ticket 1')
})
