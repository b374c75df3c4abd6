// rst transfer and rst r2s.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { shortNames } from '../../src/cli/switch-run.ts'
import { datasets } from '../../src/data/datasets.ts'
import * as library from '../../src/index.ts'
import { writeTicket } from '../../src/saved/stored-ticket.ts'
import { Device } from '../../src/tensor/device.ts'
import { quickTicket } from '../r2s/small-tickets.ts'
import { exampleTicket } from '../saved/example-ticket.ts'
import { jsonOf, rst } from './run-rst.ts'
import { cifar, data, folder, out, ticket, useWorkspace } from './workspace.ts'

useWorkspace()

const images = () => ['--data', join(data, 'idx')]
const tickets = async () => {
  const other = join(folder, 'other.safetensors')
  await writeTicket(other, exampleTicket({ remainingRatio: 0.5, scoreSeed: 5 }))
  return [ticket, other]
}
const command = async (name: string, ...args: string[]) =>
  rst([name, '--tickets', (await tickets()).join(','), ...images(), ...args])

describe('rst transfer', () => {
  it('prints the matrix, attacked tickets in rows, with the rule of the attack', async () => {
    const ran = await command('transfer', '--steps', '5', '--limit', '7', '--threads', '3')
    expect(ran.code).toBe(0)
    expect(ran.calls['R2S.load'][0].options).toEqual({ device: 'auto', threads: 3 })
    expect(ran.calls.transferMatrix[0]).toMatchObject({
      limit: 7,
      seed: 0,
      batchSize: undefined,
      attack: { name: 'pgd', eps: 0.1, norm: 'linf', steps: 5, restarts: 1 },
    })
    expect(ran.stdout).toMatch(/accuracy of +ticket +other\nnatural +75\.0 % +75\.0 %\n/)
    expect(ran.stdout).toMatch(/attack on ticket +25\.0 % +50\.0 %\nattack on other +50\.0 % +25\.0 %\n/)
    expect(ran.stdout).toContain('mean of the matrix 37.5 % (35.0–40.0)')
    expect(ran.stdout).toContain(
      'on 20 of 10,000 images of mnist test (subset of seed 0); the attack moved all images',
    )
    expect(ran.stderr).toContain('warning: a weak attack')
  })

  it('moves only correct images where asked, in L2 when eps is given', async () => {
    const ran = await command('transfer', '--only-correct', '--norm', 'l2', '--eps', '128/255')
    expect(ran.calls.transferMatrix[0].attack).toMatchObject({ onlyCorrect: true, norm: 'l2' })
    expect(ran.stdout).toContain('pgd (L2 128/255)')
    expect(ran.stdout).toContain('(official rule)')
    expect((await command('transfer', '--norm', 'l2')).code).toBe(2)
  })

  it('writes what it prints as JSON', async () => {
    const ran = await command('transfer', '--json', '--out', out())
    const json = jsonOf(ran)
    expect(json).toMatchObject({
      matrix: [
        [0.25, 0.5],
        [0.5, 0.25],
      ],
      natural: [0.75, 0.75],
      mean: 0.375,
      tickets: await tickets(),
      attack: { name: 'pgd', eps: 0.1, norm: 'linf', onlyCorrect: false },
      images: 20,
    })
    expect(JSON.parse(await readFile(join(out(), 'transfer.json'), 'utf8'))).toEqual(json)
  })
})

describe('rst r2s', () => {
  it('prints the expectation under PGD on one ticket by default', async () => {
    const ran = await command('r2s', '--restarts', '2', '--only-correct')
    expect(ran.code).toBe(0)
    expect(ran.calls.evaluateR2S[0]).toMatchObject({
      adversary: { of: 'random', name: 'pgd', eps: 0.1, restarts: 2, onlyCorrect: true },
      simulate: undefined,
    })
    expect(ran.stdout).toMatch(/expected accuracy +natural +robust +worst ticket +all tickets\n/)
    expect(ran.stdout).toMatch(
      /switch of 2 +75\.0 % \(70\.0–80\.0\) +37\.5 % \(32\.5–42\.5\) +25\.0 % \(20\.0–30\.0\) +12\.5 % \(7\.5–17\.5\)\n/,
    )
    expect(ran.stdout).toMatch(/attack on ticket +37\.5 % +37\.5 %\nattack on other +37\.5 % +37\.5 %\n/)
    expect(ran.stdout).toMatch(
      /random: pgd \(L∞ 0\.1\) on 20 of 10,000 images of mnist test .*official rule\)\nticket abcdef/,
    )
  })

  it.each(['eot', 'ensemble-logits', 'ensemble-probs', 'arc'])('attacks all tickets by %s', async name => {
    const ran = await command('r2s', '--adversary', name, '--step-size', '0.05', '--json', '--out', out())
    expect(ran.calls.evaluateR2S[0].adversary).toMatchObject({
      name,
      eps: 0.1,
      steps: undefined,
      stepSize: 0.05,
    })
    expect(ran.stderr).toMatch(/attack on all +37\.5 % +37\.5 %\n/)
    const json = jsonOf(ran)
    expect(json).toMatchObject({
      naturalAccuracy: 0.75,
      robustAccuracy: 0.375,
      worstTicket: 0.25,
      allTickets: 0.125,
      method: 'exact expectation',
      tickets: await tickets(),
      adversary: { name },
    })
    expect(JSON.parse(await readFile(join(out(), 'r2s.json'), 'utf8'))).toEqual(json)
  })

  it('attacks one ticket by any attack, or all by EOT-APGD', async () => {
    const names = ['--attack', 'autoattack']
    expect((await command('r2s', ...names)).calls.evaluateR2S[0].adversary).toMatchObject({
      of: 'random',
      name: 'autoattack',
    })
    expect((await command('transfer', ...names)).calls.transferMatrix[0].attack.name).toBe('autoattack')
    const all = await command('r2s', '--adversary', 'eot-apgd', '--steps', '30')
    expect(all.calls.evaluateR2S[0].adversary).toMatchObject({ name: 'eot-apgd', eps: 0.1, steps: 30 })
  })

  it('compares the switch with its best ticket, chosen on other images', async () => {
    const blind = await command('r2s')
    expect(blind.stdout).toContain(
      'best single ticket, attacked alone: other with 35.0 % (30.0–40.0); the switch gains +2.5 points (+0.5 to +4.5), z = 2.50; chosen on 10 of the images, reported on the other 10',
    )
    expect(blind.stdout).toContain('the best of 2 is biased upwards there')
    const all = await command('r2s', '--adversary', 'arc')
    expect(all.stdout).toContain('--singles does, and compares the switch with the best')
    const singles = await command('r2s', '--adversary', 'arc', '--singles')
    expect(singles.calls.evaluateR2S[0].singles).toBe(true)
    expect(singles.stdout).toContain('best single ticket')
  })

  it('passes the choice of images and both seeds', async () => {
    const given = ['--attack-seed', '5', '--seed', '1']
    const first = await command('r2s', '--first', '7', ...given)
    expect(first.calls.evaluateR2S[0]).toMatchObject({ first: 7, seed: 1, attackSeed: 5 })
    expect(first.calls.evaluateR2S[0].limit).toBeUndefined()
    const subset = await command('transfer', '--limit', '7', '--data-seed', '3', ...given)
    expect(subset.calls.transferMatrix[0]).toMatchObject({ limit: 7, dataSeed: 3, attackSeed: 5 })
    expect((await command('r2s', '--first', '700')).calls.evaluateR2S[0].first).toBe(20)
  })

  it('says that a simulation is one, with its interval', async () => {
    const ran = await command('r2s', '--simulate', '2')
    expect(ran.calls.evaluateR2S[0].simulate).toBe(2)
    expect(ran.stdout).toMatch(/simulated accuracy +natural +robust +95 % interval\n/)
    expect(ran.stdout).toMatch(/switch of 2 +75\.0 % +37\.5 % +25\.0 % to 50\.0 %\n/)
    expect(ran.stdout).toContain('a simulation of 40 draws; its interval is about draws on these images only')
    expect(jsonOf(await command('r2s', '--simulate', '2', '--json'))).toMatchObject({
      method: 'simulation',
      interval: { confidence: 0.95, low: 0.25, high: 0.5 },
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
      '--singles is for --adversary eot, eot-apgd, ensemble-logits, ensemble-probs, arc, not random',
    ],
    [['--first', '5', '--limit', '6'], '--first, the first images, and --limit'],
    [['--first', '5', '--data-seed', '6'], '--data-seed is of the subset of --limit'],
    [['--simulate', '0'], 'from 1 to 1000000 for --simulate but received 0'],
    [['--norm', 'l2'], '--norm l2 needs --eps'],
    [['--eps', '8'], 'did you mean 8/255?'],
  ])('refuses %j', async (options, message) => {
    const ran = await command('r2s', ...options)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(message)
    expect(ran.calls.evaluateR2S).toBeUndefined()
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
    const [one, other] = await tickets()
    await writeFile(file, `tickets: [${one}, ${other}]\ndata: ${join(data, 'idx')}\n`)
    const ran = await rst([name, '--config', file])
    expect(ran.calls['R2S.load'][0].paths).toEqual([one, other])
  })

  it('resumes what is interrupted, and says how after Ctrl-C', async () => {
    const refused = await command(name, '--resume')
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--resume needs the folder') })
    const called = name === 'r2s' ? 'evaluateR2S' : 'transferMatrix'
    const resumed = await command(name, '--out', out(), '--resume')
    expect(resumed.calls[called][0]).toMatchObject({ runDir: out(), resume: true })
    const given = [name, '--tickets', (await tickets()).join(','), ...images()]
    const stopped = (...args: string[]) =>
      rst([...given, ...args], { duringEvaluation: interrupt => interrupt() })
    const kept = await stopped('--out', out())
    expect(kept.code).toBe(130)
    expect(kept.stderr).toContain('give the same command with --resume')
    expect((await stopped()).stderr).toContain('With --out DIR what is done would have been kept')
  })

  it('refuses images of another size, and a ticket that is missing', async () => {
    const other = await rst([name, '--tickets', ticket, ...cifar()])
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('but cifar10 has 3×32×32') })
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
  const { R2S, adversaries, attacks, transferMatrix, evaluateR2S } = library
  const real = { R2S, adversaries, attacks, transferMatrix, evaluateR2S }
  const options = [...images(), '--steps', '3', '--threads', '1', '--json']
  const run = (name: string, ...args: string[]) =>
    rst([name, '--tickets', paths.slice(0, 2).join(','), ...options, ...args], { library: real })
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
  const refused = await rst(['r2s', '--tickets', paths.join(','), ...options], { library: real })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('weightSeed is 2 in ticket 3 and 1 in ticket 1')
})
