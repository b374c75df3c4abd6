// Wrong use, and the right use of files without a flag.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as models from '../../src/models/index.ts'
import { jsonOf, rst } from './run-rst.ts'
import { data, fashion, folder, other, out, search, ticket, tiny, useWorkspace } from './workspace.ts'

useWorkspace()

describe('wrong use with --json', () => {
  it.each<[string[], string]>([
    [['search', '--epoch', '3'], "unknown option '--epoch' (Did you mean --epochs?)"],
    [['serach'], "unknown command 'serach' (Did you mean search?)"],
    [['search', '--lr'], "a number from 0 to 1000000 for --lr but received '--json'"],
    [['search', 'extra'], 'too many arguments'],
    [['data', 'verify'], "missing required argument 'dir'"],
    [['data', 'verfy', 'x'], "unknown command 'verfy' (Did you mean verify?)"],
    [['search', '--ratio', '0'], 'above 0 and up to 1 for --ratio'],
    [['search', '--attack', 'pdg'], 'did you mean pgd?'],
    [['search', '--config', '/no/such/file'], 'there is no such file'],
    [['eval', '--attack', 'fgsm', '--steps', '3'], '--steps is for --attack'],
    [['eval', '--threads', '0'], 'from 1 to 1024 for --threads'],
    [['finetune'], '--ticket is required'],
    [['data', 'where', 'imagenet'], 'There is no data set imagenet'],
    [['data'], "unknown option '--json'"],
  ])('%j ends standard output with one object of code and sentence', async (args, message) => {
    const ran = await rst([...args, '--json'])
    expect(ran.code).toBe(2)
    expect(ran.stdout.trimEnd().split('\n')).toHaveLength(1)
    const { error } = jsonOf(ran)
    expect(error.code).toBe('ERR_RST_CONFIG')
    expect(`${error.message}`).not.toContain('\n')
    expect(error.message).toContain(message)
    expect(ran.stderr).toContain('error: ')
  })

  it('or no use at all', async () => {
    const ran = await rst(['--json'])
    expect(ran.code).toBe(2)
    expect(jsonOf(ran).error.message).toBe('Expected a command: rst --help lists them.')
    expect(ran.stderr).toContain('rst search')
  })

  it('a --json behind -- is none', async () => {
    expect((await rst(['info', '--', '--json'])).stdout).toBe('')
  })
})

describe('usage errors', () => {
  it.each([
    ...['search', 'train', 'finetune', 'eval', 'info', 'transfer', 'r2s', 'doctor', 'completion', 'help'],
    ...['data', 'data list', 'data verify', 'data where'],
  ])('of rst %s name its own help, and are JSON with --json', async command => {
    const ran = await rst([...command.split(' '), '--what', '--json'])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(`(see rst ${command} --help)`)
    expect(jsonOf(ran)).toEqual({ error: { code: 'ERR_RST_CONFIG', message: "unknown option '--what'" } })
  })

  it.each([
    [['search', '--epoch', '3'], '(see rst search --help)'],
    [['eval', '--what'], '(see rst eval --help)'],
    [['data', 'verify'], '(see rst data verify --help)'],
    [['serach'], '(see rst --help)'],
  ])('%j names the help of the command', async (args, help) => {
    expect((await rst(args)).stderr).toContain(help)
  })

  it('name the architecture that was meant', () => {
    for (const [given, meant] of [
      ['resnet', 'resnet18'],
      ['conv-4', 'conv4'],
      ['preact-resnet-18', 'preact-resnet18'],
      ['vgg', 'vgg16-bn-cifar'],
      ['mobilenet', 'mobilenet-v2-cifar'],
    ]) {
      expect(() => models.canonicalName(given)).toThrow(`received '${given}': did you mean ${meant}?`)
    }
    expect(() => models.canonicalName('alexnet')).toThrow(/received 'alexnet'\.$/)
  })

  it.each(['gpu', 'mps', 'cpu:0', 'tpu'])('--device %s names the devices of the help', async device => {
    const ran = await rst(['search', '--device', device])
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toContain('auto, cpu, cuda[:n]')
    const help = (await rst(['search', '--help'])).stdout
    expect(help).toMatch(/--device <device> +auto, cpu, cuda\[:n\];/)
  })

  it('--device gpu and its like suggest cuda', async () => {
    for (const name of ['gpu', 'nvidia', 'cuda0']) {
      expect((await rst(['search', '--device', name])).stderr).toContain(`'${name}': did you mean cuda?`)
    }
  })

  it.each(['search', 'train', 'finetune', 'eval', 'transfer', 'r2s'])(
    'rst %s --resume asks for its folder',
    async name => {
      const ran = await rst([name, '--resume', '--json'])
      expect(ran.code).toBe(2)
      expect(jsonOf(ran).error.message).toMatch(/--resume needs the folder .*--out DIR/)
    },
  )

  it('help of what is no command suggests one', async () => {
    expect((await rst(['help', 'serach'])).stderr).toContain('did you mean search?')
    expect((await rst(['help', 'data', 'fetch'])).stderr).toContain('There is no command fetch')
    expect((await rst(['help', 'data', 'where'])).stdout).toContain('Usage: rst data where')
    expect((await rst(['help'])).stdout).toBe((await rst(['--help'])).stdout)
  })

  it('-V prints the version', async () => {
    expect((await rst(['-V'])).stdout).toBe((await rst(['--version'])).stdout)
  })
})

describe('files without a flag', () => {
  const images = () => fashion().slice(2)

  const hashOf = async (file: string) => jsonOf(await rst(['info', file, '--json'])).tickets[0].hash
  const modelsOf = async (...args: string[]) => {
    const ran = await rst([...args, '--steps', '1', '--limit', '2', '--json'])
    return jsonOf(ran).provenance.models.map(({ hash }: { hash: string }) => hash)
  }

  it('are the ticket of eval, finetune and doctor', async () => {
    expect(await modelsOf('eval', ticket, ...images())).toEqual([await hashOf(ticket)])
    const tuned = join(folder, 'run')
    expect((await rst(['finetune', ticket, ...images(), '--out', tuned, ...tiny.slice(4)])).code).toBe(0)
    expect(jsonOf(await rst(['doctor', ticket, '--json'])).layers).toHaveLength(4)
  })

  it.each(['transfer', 'r2s'])('are the tickets of %s', async name => {
    expect(await modelsOf(name, ticket, other, ...images())).toEqual([
      await hashOf(ticket),
      await hashOf(other),
    ])
  })

  it('go before those of --config', async () => {
    const file = join(folder, 'eval.yaml')
    await writeFile(file, `ticket: other.safetensors\ndata: ${join(data, 'idx')}\n`)
    expect(await modelsOf('eval', ticket, '--config', file)).toEqual([await hashOf(ticket)])
  })

  it('are refused beside the flag, and where one is too many', async () => {
    for (const args of [
      ['eval', ticket, '--ticket', ticket],
      ['r2s', ticket, '--tickets', ticket],
    ]) {
      expect(await rst([...args, ...images()])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('files without a flag but received both'),
      })
    }
    expect((await rst(['eval', ticket, ticket])).code).toBe(2)
    expect((await rst(['eval', ticket, '--model', 'm.safetensors', ...images()])).stderr).toContain(
      'either --ticket',
    )
  })
})

it('a short run says that it takes the last epoch', async () => {
  const note = 'there is no choice of an epoch: the last one is kept'
  const said = async (...args: string[]) => {
    await rm(out(), { recursive: true, force: true })
    return (await search(...args)).stderr
  }
  expect(await said('--epochs', '3')).toContain(`With 3 epochs ${note}`)
  expect(await said('--epochs', '1')).toContain(`With one epoch ${note}`)
  expect(await said('--epochs', '4')).not.toContain(note)
  expect(await said('--epochs', '2', '--select-every', '1')).not.toContain(note)
  expect(await said('--epochs', '1', '--select-on', 'last')).not.toContain(note)
})
