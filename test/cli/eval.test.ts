import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decode } from 'fast-png'
import { concatUint8Arrays } from 'typed-array-utils'
import { describe, expect, it } from 'vitest'
import { evaluationAttackNames } from '../../src/cli/attack-options.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/files/safetensors.ts'
import { jsonOf, rst, settingsOf } from './run-rst.ts'
import { cifar, data, fashion, out, ticket, tiny, useWorkspace } from './workspace.ts'

useWorkspace()

describe('rst eval', () => {
  const images = () => ['--data', join(data, 'idx'), '--threads', '1']
  const evaluate = (...args: string[]) => rst(['eval', '--ticket', ticket, ...images(), ...args])
  /** Settings of the attacks that an evaluation of one image was made with. */
  const attacksOf = async (...args: string[]) => {
    const ran = await evaluate('--limit', '1', '--json', ...args)
    expect(ran.stderr).not.toContain('error')
    return settingsOf(ran)
  }

  it('attacks a ticket on the images it is for', async () => {
    const given = ['--attack', 'pgd,fgsm', '--limit', '7', '--restarts', '2', '--steps', '5']
    const ran = await evaluate(...given, '--json', '--out', out())
    expect(ran.code).toBe(0)
    expect(settingsOf(ran)).toMatchObject([
      { name: 'pgd-5', eps: 0.1, steps: 5, restarts: 2, norm: 'linf' },
      { name: 'fgsm', eps: 0.1 },
    ])
    const json = jsonOf(ran)
    expect(Object.keys(json)).toEqual([
      ...['images', 'naturalAccuracy', 'worstCaseAccuracy', 'naturalInterval', 'worstCaseInterval'],
      ...['provenance', 'seconds', 'attacks', 'date'],
    ])
    expect(new Set(Object.keys(json.attacks[0]))).toEqual(
      new Set([
        ...['name', 'eps', 'norm', 'settings', 'robustAccuracy', 'roundedAccuracy', 'failedChecks'],
        ...['largestNorm', 'interval', 'forwards', 'backwards', 'seconds', 'warnings'],
      ]),
    )
    expect(json.images).toBe(7)
    expect(json.provenance.data).toMatchObject({
      name: 'fashion-mnist test',
      images: 7,
      of: 20,
      which: { subsetSeed: 0 },
    })
    expect(JSON.parse(await readFile(join(out(), 'evaluation.json'), 'utf8'))).toEqual(json)
    expect(new Date(json.date).getTime()).toBeGreaterThan(0)
    const rows = (await readFile(join(out(), 'images.csv'), 'utf8')).trimEnd().split('\n')
    expect(rows).toHaveLength(8)
    const columns = ['broken by', 'prediction', 'confidence', 'norm']
    expect(rows[0].split(',')).toEqual([
      ...['image', 'label', 'class', 'prediction', 'confidence'],
      ...['pgd-5', 'fgsm'].flatMap(name => columns.map(column => `${name} ${column}`)),
    ])
  })

  it('prints a row an attack, and what each attack of a series left standing', async () => {
    const args = ['eval', ticket, ...images(), '--attack', 'fgsm,autoattack', '--limit', '2']
    const ran = await rst(args, { isTTY: true, columns: 200 })
    expect(ran.code).toBe(0)
    const { stdout } = ran
    expect(stdout).toMatch(
      /^accuracy +robust +8 bits +largest norm +forwards +backwards +time\nnatural +[\d.]+ % \([\d.]+–[\d.]+\)\n/,
    )
    expect(stdout).toMatch(
      /\nfgsm \(L∞ 0\.1\) +[\d.]+ % \([\d.]+–[\d.]+\) +[\d.]+ % +[\d.]+ +\d+ +\d+ +\d+ s\n/,
    )
    expect(stdout).toMatch(/\nall attacks +[\d.]+ % \([\d.]+–[\d.]+\)\n/)
    expect(stdout).toContain('on 2 of 20 images of fashion-mnist test (subset of seed 0); 95 % intervals')
    expect(stdout).toMatch(/\nticket [0-9a-f]{12}, attack seed 0; rst-native \S+, CPU/)
  })

  it('attacks a dense model, and asks for either that or a ticket', async () => {
    const args = ['train', ...tiny, ...fashion(), '--out', out(), '--attack', 'none']
    expect((await rst(args)).code).toBe(0)
    const model = ['--model', join(out(), 'model.safetensors')]
    const ran = await rst(['eval', ...model, ...images(), '--attack', 'fgsm', '--json'])
    expect(ran.code).toBe(0)
    expect(jsonOf(ran).provenance.models).toMatchObject([{ kind: 'dense model', arch: 'conv2' }])
    for (const given of [images(), [...images(), ...model, '--ticket', ticket]]) {
      const refused = await rst(['eval', ...given])
      expect(refused.code).toBe(2)
      expect(refused.stderr).toContain('either --ticket, a ticket file, or --model')
    }
  })

  it('resumes an evaluation, and says how after Ctrl-C', async () => {
    expect((await evaluate('--resume')).stderr).toContain('--resume needs the folder')
    const given = ['eval', '--ticket', ticket, ...images(), '--batch-size', '1', '--steps', '2']
    const stopped = (...args: string[]) =>
      rst([...given, ...args], { isTTY: true, during: [/evaluate.* pgd-2 /, interrupt => interrupt()] })
    const kept = await stopped('--out', out())
    expect(kept.code).toBe(130)
    expect(kept.stderr).toContain('give the same command with --resume')
    expect(await readdir(out())).toEqual(['evaluation-state'])
    expect((await stopped()).stderr).toContain('With --out DIR what is done would have been kept')
    expect((await rst([...given, '--out', out(), '--resume'])).code).toBe(0)
    expect(await readdir(out())).toContain('evaluation.json')
  })

  it('passes queries to the attacks without gradient, and leaves their defaults alone', async () => {
    const names = ['--attack', 'square,bandits']
    expect(await attacksOf(...names, '--queries', '30', '--restarts', '2')).toMatchObject([
      { name: 'square', eps: 0.1, norm: 'linf', queries: 30, restarts: 2 },
      { name: 'bandits', eps: 0.1, norm: 'linf', queries: 30 },
    ])
    expect(await attacksOf(...names)).toMatchObject([{ queries: 5000 }, { queries: 10_000 }])
    const none = await evaluate(...names, '--queries', '0')
    expect(none.code).toBe(2)
    expect(none.stderr).toContain('at least 1 for --queries but received 0')
  })

  it('saves the adversarial images of each attack on request', async () => {
    const given = ['--attack', 'pgd,square', '--steps', '2', '--queries', '5']
    const ran = await evaluate(...given, '--save', out(), '--limit', 'all', '--json')
    expect(ran.code).toBe(0)
    const names = ['pgd-2', 'square'].flatMap(name => [`${name}.png`, `${name}.safetensors`])
    expect((await readdir(out())).sort()).toEqual(names)
    const { naturalAccuracy, images: count, attacks } = jsonOf(ran)
    const right = Math.round(naturalAccuracy * count)
    expect(right).toBeGreaterThan(0)
    const sheet = decode(await readFile(join(out(), 'square.png')))
    // Images magnified four times and a gap beside each.
    expect((sheet.width - 4) % (112 + 4)).toBe(0)
    const file = join(out(), 'square.safetensors')
    const { metadata, tensors } = decodeSafetensors(await readFile(file), file)
    expect(metadata).toMatchObject({
      format: 'rst-adversarial/1',
      attack: 'square',
      norm: 'linf',
      eps: '0.1',
    })
    const provenance = JSON.parse(metadata.provenance)
    expect(provenance).toMatchObject({ data: { name: 'fashion-mnist test', images: 20 } })
    expect(provenance.attacks).toMatchObject([{ name: 'square', norm: 'linf', eps: 0.1, seed: 0 }])
    expect(provenance.date).toMatch(/^\d{4}-/)
    // Images that the model gets wrong anyway are not attacked.
    expect(tensors.get('adversarial')!.shape).toEqual([right, 1, 28, 28])
    expect(tensors.get('labels')!.shape).toEqual([right])
    const robust = [...(tensors.get('robust')!.data as Uint8Array)].reduce((sum, flag) => sum + flag, 0)
    expect(robust / count).toBeCloseTo(attacks[1].robustAccuracy, 12)
  })

  it('passes steps and restarts to apgd, and leaves the defaults of every attack alone', async () => {
    const names = ['--attack', 'apgd-ce,apgd-dlr,apgd-t']
    expect(await attacksOf(...names, '--steps', '6', '--restarts', '2')).toMatchObject([
      { eps: 0.1, norm: 'linf', loss: 'ce', steps: 6, restarts: 2 },
      { loss: 'dlr', steps: 6, restarts: 2 },
      { eps: 0.1, norm: 'linf', steps: 6, restarts: 2 },
    ])
    expect(await attacksOf('--attack', 'pgd,apgd-ce,apgd-t')).toMatchObject([
      { steps: 20, restarts: 1 },
      { steps: 100 },
      { steps: 100 },
    ])
  })

  it('shows in its help which attacks there are', async () => {
    const { stdout } = await rst(['eval', '--help'])
    for (const name of evaluationAttackNames) expect(stdout).toContain(name)
    expect(stdout.replace(/\s+/g, ' ')).toContain('autoattack is the standard version')
  })

  it('passes the loss to pgd', async () => {
    expect(await attacksOf('--loss', 'dlr')).toMatchObject([{ loss: 'dlr' }])
    expect((await evaluate('--loss', 'hinge')).stderr).toContain('one of ce, dlr, cw for --loss')
  })

  it('attacks in L2 when eps is given', async () => {
    expect((await evaluate('--norm', 'l2')).code).toBe(2)
    expect(await attacksOf('--norm', 'l2', '--eps', '1.71')).toMatchObject([{ norm: 'l2', eps: 1.71 }])
    const refused = await evaluate('--eps', '8')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('did you mean 8/255?')
    const ran = await evaluate('--norm', 'l2', '--eps', '510/255', '--limit', '1')
    expect(ran.stdout).toContain('pgd-20 (L2 510/255)')
  })

  it('attacks by FAB and CW with their own default steps', async () => {
    expect(await attacksOf('--attack', 'fab,fab-t,cw-linf', '--restarts', '3')).toMatchObject([
      { name: 'fab', eps: 0.1, steps: 100, restarts: 3 },
      { name: 'fab-t', eps: 0.1, steps: 100, restarts: 3 },
      { eps: 0.1, steps: 20, restarts: 3 },
    ])
    const l2 = ['--norm', 'l2', '--eps', '510/255', '--steps', '7']
    expect(await attacksOf('--attack', 'cw-l2,fab-t', ...l2)).toMatchObject([
      { eps: 2, iterations: 7 },
      { eps: 2, norm: 'l2', steps: 7 },
    ])
    for (const [name, norm] of [
      ['cw-l2', 'linf'],
      ['cw-linf', 'l2'],
    ]) {
      const ran = await evaluate('--attack', name, '--norm', norm, '--eps', '0.5')
      expect(ran.code).toBe(2)
      expect(ran.stderr).toContain(`--attack ${name} is for --norm ${norm === 'l2' ? 'linf' : 'l2'} only`)
    }
  })

  it('refuses images of another size', async () => {
    const ran = await rst(['eval', '--ticket', ticket, ...cifar()])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('for images of 1×28×28 pixels and 10 classes but cifar10 has 3×32×32')
  })

  it.each([
    ['a missing ticket', async () => rm(ticket), 'there is no such file'],
    [
      'a damaged ticket',
      async () => {
        const bytes = await readFile(ticket)
        bytes[bytes.length - 2] ^= 1
        await writeFile(ticket, bytes)
      },
      'the file is damaged',
    ],
    ['a ticket cut short', async () => truncate(ticket, 500), 'cut short'],
    [
      'a foreign safetensors file',
      async () => {
        const tensors = new Map([['w', { dtype: 'F32' as const, shape: [1], data: new Float32Array(1) }]])
        await writeFile(
          ticket,
          concatUint8Arrays(...encodeSafetensors({ metadata: { format: 'pt' }, tensors })),
        )
      },
      "format must be 'rst-ticket/1' but is pt",
    ],
    ['a file that is no ticket', async () => writeFile(ticket, 'hello, world'), 'not a safetensors file'],
  ])('refuses %s', async (_, damage, message) => {
    await damage()
    const ran = await evaluate()
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain(message)
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})
