// RST_TRACE and RST_DEBUG, in processes of their own: they are read when the addon is loaded.
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const library = resolve('dist/index.js')

/** What a program prints that has `ops` and `tensor`. */
function printed(program: string, env: Record<string, string>) {
  const script = `import { Device, grad, ops, scope, tensor } from '${library}'\n${program}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, RST_TRACE: '', RST_DEBUG: '', ...env },
  })
  return { status, stdout, stderr }
}

describe('RST_TRACE=1', () => {
  const program = `
    const x = tensor(new Float32Array(6).fill(-1), [2, 3])
    console.log((await ops.sum(ops.relu(x)).data())[0])`

  it('prints name, shapes and microseconds of each op, and changes no result', () => {
    const { stdout, stderr } = printed(program, { RST_TRACE: '1' })
    expect(stdout).toBe('0\n')
    expect(stderr).toMatch(/^rst: relu \[2, 3\] -> \[2, 3\] \d+ us$/m)
    expect(stderr).toMatch(/^rst: sum \[2, 3\] -> \[1?\] \d+ us$/m)
  })

  it('is silent where it is not set, and says what it does not know', () => {
    expect(printed(program, {}).stderr).toBe('')
    expect(printed(program, { RST_TRACE: 'all' }).stderr).toBe('rst: RST_TRACE is 1 or 0, not all.\n')
  })
})

describe('RST_DEBUG', () => {
  const program = `
    const tell = error => console.log(error.code, error.message)
    const huge = tensor([3e38, -3e38], [2])
    const infinite = ops.scale(huge, 10)
    const difference = ops.sub(infinite, infinite)
    await ops.relu(difference).data().then(values => console.log([...values].join()), tell)`

  it('nan names the op that made the first one, its shapes and the element', () => {
    expect(printed(program, {}).stdout).toMatch(/^NaN|^0/)
    const { stdout } = printed(program, { RST_DEBUG: 'nan' })
    expect(stdout).toContain('RST_DEBUG=nan: sub [2] [2] -> [2] made a NaN, at element 0')
  })

  it('sync throws what an op failed with where it was called', () => {
    const failing = `
      const device = new Device({ memoryLimit: 1 << 16 })
      function culprit() { return ops.full([1 << 20], 1, device) }
      try { culprit(); console.log('went on') } catch (error) { console.log(error.code, error.stack.includes('culprit')) }`
    expect(printed(failing, {}).stdout).toBe('went on\n')
    expect(printed(failing, { RST_DEBUG: 'sync' }).stdout).toBe('ERR_RST_OUT_OF_MEMORY true\n')
  })

  it('sync throws the failure of an update in place too, once', () => {
    // The gradient that is the parameter itself would need a copy, for which there is no memory.
    const failing = `
      const device = new Device({ memoryLimit: 2 * 65536 + 1000 })
      const [x, velocity] = [1, 2].map(value => ops.full([16384], value, device))
      const step = () => ops.sgdStep(x, x, velocity, { lr: 1, momentum: 0, weightDecay: 0 })
      try { step(); console.log('went on') } catch (error) { console.log(error.code, error.stack.includes('step')) }
      console.log(await x.data().then(values => values[0], error => error.code))`
    expect(printed(failing, {}).stdout).toBe('went on\nERR_RST_OUT_OF_MEMORY\n')
    expect(printed(failing, { RST_DEBUG: 'sync' }).stdout).toBe('ERR_RST_OUT_OF_MEMORY true\n1\n')
  })
})
