import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decode } from 'fast-png'
import { concatUint8Arrays } from 'typed-array-utils'
import { describe, expect, it } from 'vitest'
import { evaluationAttackNames } from '../../src/cli/attack-options.ts'
import type { Library } from '../../src/cli/library.ts'
import type { EvaluateOptions, Evaluation } from '../../src/evaluation/evaluate.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/files/safetensors.ts'
import type { Classifier } from '../../src/nn/classifier.ts'
import { exampleTicket } from '../saved/example-ticket.ts'
import { jsonOf, provenanceOf, rst } from './run-rst.ts'
import { cifar, data, out, ticket, useWorkspace } from './workspace.ts'

useWorkspace()

describe('rst eval', () => {
  const evaluate = (...args: string[]) =>
    rst(['eval', '--ticket', ticket, '--data', join(data, 'idx'), ...args])

  it('attacks a ticket on the images it is for', async () => {
    const ran = await evaluate(
      '--attack',
      'pgd,fgsm',
      '--steps',
      '5',
      '--restarts',
      '2',
      '--limit',
      '7',
      '--json',
      '--out',
      out(),
    )
    expect(ran.code).toBe(0)
    expect(ran.calls.evaluate[0]).toMatchObject({
      limit: 7,
      batchSize: undefined,
      runDir: out(),
      resume: false,
      attacks: [
        { name: 'pgd', eps: 0.1, steps: 5, restarts: 2, norm: 'linf' },
        { name: 'fgsm', eps: 0.1 },
      ],
    })
    const json = jsonOf(ran)
    expect(json).toMatchObject({ naturalAccuracy: 0.6, images: 7 })
    expect(Object.keys(json.attacks[0])).toEqual([
      'name',
      'eps',
      'norm',
      'settings',
      'robustAccuracy',
      'roundedAccuracy',
      'failedChecks',
      'largestNorm',
      'interval',
      'forwards',
      'backwards',
      'seconds',
      'warnings',
    ])
    expect(json.worstCaseAccuracy).toBe(0.15)
    expect(ran.stderr).toContain('warning: fgsm: a single step is a weak attack')
    expect(JSON.parse(await readFile(join(out(), 'evaluation.json'), 'utf8'))).toEqual(json)
    expect(json).toMatchObject({
      naturalInterval: [expect.closeTo(0.55), expect.closeTo(0.65)],
      attacks: [{ interval: [expect.closeTo(0.25), expect.closeTo(0.35)] }, {}],
      provenance: provenanceOf(7, [
        { name: 'pgd', norm: 'linf', eps: 0.1 },
        { name: 'fgsm', norm: 'linf', eps: 0.1 },
      ]),
    })
    expect(new Date(json.date).getTime()).toBeGreaterThan(0)
    for (const perImage of ['ids', 'labels', 'predictions', 'confidences'])
      expect(json).not.toHaveProperty(perImage)
    const rows = (await readFile(join(out(), 'images.csv'), 'utf8')).split('\n')
    const columns = ['broken by', 'prediction', 'confidence', 'norm']
    expect(rows[0].split(',')).toEqual([
      ...['image', 'label', 'class', 'prediction', 'confidence'],
      ...['pgd', 'fgsm'].flatMap(name => columns.map(column => `${name} ${column}`)),
    ])
    const attacked = 'clean,Sandal,0.5000,0.00000'
    expect(rows[1]).toBe(`7,4,Coat,Sandal,0.5000,${attacked},${attacked}`)
    expect(rows[2]).toMatch(/^30,2,Pullover,Pullover,0\.7500,robust,Pullover,0\.6250,0\.100000,robust/)
  })

  it('prints a row an attack, and what each attack of a series left standing', async () => {
    const { stdout } = await evaluate('--attack', 'pgd,autoattack')
    expect(stdout).toMatch(
      /^accuracy +robust +8 bits +largest norm +forwards +backwards +time\nnatural +60\.0 % \(55\.0–65\.0\)\n/,
    )
    expect(stdout).toMatch(/pgd \(L∞ 0\.1\) +30\.0 % \(25\.0–35\.0\) +30\.0 % +0\.1000 +5 +4 +3 s\n/)
    // Of the images in the set one is right naturally, and apgd-ce breaks it.
    expect(stdout).toMatch(/ {2}after apgd-ce +0\.0 % +50 +40 +1 s\n {2}after square +0\.0 %/)
    expect(stdout).toMatch(/all attacks +15\.0 % \(10\.0–20\.0\)\n/)
    expect(stdout).toContain('images of mnist test (subset of seed 0); 95 % intervals in brackets')
    expect(stdout).toContain('ticket abcdef012345, attack seed 0; rst-native 0.1.0, CPU, AVX2\n')
  })

  it('attacks a dense model, and asks for either that or a ticket', async () => {
    const model = ['--model', 'dense.safetensors', '--threads', '3']
    const metadata = { dataset: 'fashion-mnist', classes: 10, inChannels: 1, imageSize: [28, 28] }
    const loadDense = async (path: string) => ({ path, metadata, inputShape: [1, 28, 28] })
    const library = { loadDense } as unknown as Partial<Library>
    const images = ['--data', join(data, 'idx')]
    const ran = await rst(['eval', ...model, ...images], { library })
    expect(ran.code).toBe(0)
    expect(ran.calls.evaluate[0].model.path).toBe('dense.safetensors')
    for (const given of [images, [...images, ...model, '--ticket', ticket]]) {
      const refused = await rst(['eval', ...given])
      expect(refused.code).toBe(2)
      expect(refused.stderr).toContain('either --ticket, a ticket file, or --model')
    }
  })

  it('resumes an evaluation, and says how after Ctrl-C', async () => {
    expect((await evaluate('--resume')).stderr).toContain('--resume needs the folder')
    const resumed = await evaluate('--out', out(), '--resume')
    expect(resumed.calls.evaluate[0]).toMatchObject({ runDir: out(), resume: true })
    const given = ['eval', '--ticket', ticket, '--data', join(data, 'idx')]
    const stopped = (...args: string[]) =>
      rst([...given, ...args], { duringEvaluation: interrupt => interrupt() })
    const kept = await stopped('--out', out())
    expect(kept.code).toBe(130)
    expect(kept.stderr).toContain('give the same command with --resume')
    expect((await stopped()).stderr).toContain('With --out DIR what is done would have been kept')
  })

  it('passes queries to the attacks without gradient, and leaves their defaults alone', async () => {
    const names = ['--attack', 'square,bandits']
    const chosen = await evaluate(...names, '--queries', '300', '--restarts', '2')
    expect(chosen.calls.evaluate[0].attacks).toMatchObject([
      { name: 'square', eps: 0.1, norm: 'linf', queries: 300, restarts: 2 },
      { name: 'bandits', eps: 0.1, norm: 'linf', queries: 300 },
    ])
    const plain = await evaluate(...names)
    for (const { queries } of plain.calls.evaluate[0].attacks) expect(queries).toBeUndefined()
    const none = await evaluate(...names, '--queries', '0')
    expect(none.code).toBe(2)
    expect(none.stderr).toContain('at least 1 for --queries but received 0')
  })

  it('saves the adversarial images of each attack on request', async () => {
    const attack = (name: string) => ({
      name,
      eps: 0.1,
      norm: 'linf' as const,
      run: async (_: unknown, images: Float32Array, labels: ArrayLike<number>) => ({
        adversarial: new Float32Array(images),
        robust: new Uint8Array(labels.length).fill(1),
        bestLoss: new Float32Array(labels.length),
        forwards: 0,
        backwards: 0,
        warnings: [],
      }),
    })
    const library = {
      attacks: { pgd: () => attack('pgd-20'), square: () => attack('square') },
      loadTicket: async () => ({ metadata: exampleTicket().metadata, inputShape: [1, 28, 28] }),
      evaluate: async (model: Classifier, _: unknown, { attacks, onComplete }: EvaluateOptions) => {
        const images = new Float32Array(2 * 784).fill(0.25)
        for (const made of attacks!) await made.run(model, images, [4, 2], { sampleIds: [7, 30] })
        const ids = Int32Array.of(7, 30)
        const predictions = Int32Array.of(4, 3)
        const confidences = Float32Array.of(0.9, 0.8)
        const perImage = { predictions, confidences, norms: Float64Array.of(0.1, 0) }
        const reports = attacks!.map(({ name, eps, norm }) => ({
          ...{ name, eps, norm, perImage, brokenBy: [null, 'clean'], warnings: [], seconds: 1 },
          ...{ robustAccuracy: 0.5, interval: [0, 1], roundedAccuracy: 0.5, largestNorm: 0.1 },
        }))
        const report = {
          ...{ images: 2, ids, labels: Int32Array.of(4, 2), predictions, confidences, seconds: 1 },
          ...{
            naturalAccuracy: 0.5,
            naturalInterval: [0, 1],
            worstCaseAccuracy: 0.5,
            worstCaseInterval: [0, 1],
          },
          attacks: reports,
          provenance: provenanceOf(2, attacks!),
        } as unknown as Evaluation
        await onComplete!(report)
        return report
      },
    } as unknown as Partial<Library>
    const args = ['eval', '--ticket', ticket, '--data', join(data, 'idx')]
    const ran = await rst([...args, '--attack', 'pgd,square', '--save', out()], { library })
    expect(ran.code).toBe(0)
    const names = ['pgd-20', 'square'].flatMap(name => [`${name}.png`, `${name}.safetensors`])
    expect((await readdir(out())).sort()).toEqual(names)
    const sheet = decode(await readFile(join(out(), 'square.png')))
    // Two columns of images magnified four times, three of them above each other, with four lines of text.
    expect([sheet.width, sheet.height]).toEqual([2 * (112 + 4) + 4, 3 * (112 + 4) + 4 * 9 + 2 * 4])
    const file = join(out(), 'square.safetensors')
    const { metadata, tensors } = decodeSafetensors(await readFile(file), file)
    expect(metadata).toMatchObject({
      format: 'rst-adversarial/1',
      attack: 'square',
      norm: 'linf',
      eps: '0.1',
    })
    const { attacks, date, ...provenance } = JSON.parse(metadata.provenance)
    expect(provenance).toMatchObject({ data: { name: 'mnist test', images: 2 }, device: 'CPU, AVX2' })
    expect(attacks).toEqual([{ name: 'square', norm: 'linf', eps: 0.1, settings: {}, seed: 0 }])
    expect(date).toMatch(/^\d{4}-/)
    expect(tensors.get('adversarial')!.shape).toEqual([2, 1, 28, 28])
    expect([...tensors.get('labels')!.data]).toEqual([4, 2])
    expect([...tensors.get('images')!.data]).toEqual([7, 30])
    expect([...tensors.get('robust')!.data]).toEqual([1, 1])
  })

  it('passes steps and restarts to apgd, and leaves the defaults of every attack alone', async () => {
    const names = ['--attack', 'pgd,apgd-ce,apgd-dlr,apgd-t,autoattack']
    const chosen = await evaluate(...names, '--steps', '50', '--restarts', '2')
    expect(chosen.calls.evaluate[0].attacks).toMatchObject([
      { name: 'pgd', steps: 50, restarts: 2 },
      { name: 'apgd', eps: 0.1, norm: 'linf', loss: 'ce', steps: 50, restarts: 2 },
      { name: 'apgd', loss: 'dlr', steps: 50, restarts: 2 },
      { name: 'apgd-t', eps: 0.1, norm: 'linf', steps: 50, restarts: 2 },
      { name: 'autoattack', eps: 0.1, norm: 'linf' },
    ])
    const plain = await evaluate(...names)
    for (const { steps } of plain.calls.evaluate[0].attacks) expect(steps).toBeUndefined()
    expect(jsonOf(await evaluate(...names, '--json')).attacks).toHaveLength(5)
  })

  it('shows in its help which attacks there are', async () => {
    const { stdout } = await rst(['eval', '--help'])
    for (const name of evaluationAttackNames) expect(stdout).toContain(name)
    expect(stdout.replace(/\s+/g, ' ')).toContain('autoattack is the standard version')
  })

  it('passes the loss to pgd', async () => {
    expect((await evaluate('--loss', 'dlr')).calls.evaluate[0].attacks).toMatchObject([
      { name: 'pgd', loss: 'dlr' },
    ])
    expect((await evaluate('--loss', 'hinge')).stderr).toContain('one of ce, dlr, cw for --loss')
  })

  it('attacks in L2 when eps is given', async () => {
    expect((await evaluate('--norm', 'l2')).code).toBe(2)
    const bare = await evaluate('--norm', 'l2', '--eps', '1.71')
    expect(bare.calls.evaluate[0].attacks[0]).toMatchObject({ norm: 'l2', eps: 1.71 })
    const refused = await evaluate('--eps', '8')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('did you mean 8/255?')
    const ran = await evaluate('--norm', 'l2', '--eps', '510/255')
    expect(ran.calls.evaluate[0].attacks[0]).toMatchObject({ norm: 'l2', eps: 2 })
    expect(ran.stdout).toContain('pgd (L2 510/255)')
  })

  it('attacks by FAB and CW with their own default steps', async () => {
    const attacksOf = async (...args: string[]) => (await evaluate(...args)).calls.evaluate[0].attacks
    expect(await attacksOf('--attack', 'fab,fab-t,cw-linf', '--restarts', '3')).toMatchObject([
      { name: 'fab', eps: 0.1, targeted: false, steps: undefined, restarts: 3 },
      { name: 'fab', eps: 0.1, targeted: true, steps: undefined, restarts: 3 },
      { name: 'cw-linf', eps: 0.1, steps: undefined, restarts: 3 },
    ])
    const l2 = ['--norm', 'l2', '--eps', '510/255', '--steps', '70']
    expect(await attacksOf('--attack', 'cw-l2,fab-t', ...l2)).toMatchObject([
      { name: 'cw-l2', eps: 2, iterations: 70 },
      { name: 'fab', eps: 2, norm: 'l2', steps: 70 },
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
