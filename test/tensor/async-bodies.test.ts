import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import * as ops from '../../src/tensor/ops/index.ts'
import { HeldScope, outsideScopes, scope } from '../../src/tensor/scope.ts'
import { grad, vjp } from '../../src/tensor/tape.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

describe('bodies that go on after they returned', () => {
  const runners: [string, (body: () => unknown) => unknown][] = [
    ['scope()', scope],
    ['HeldScope.run()', body => new HeldScope().run(body)],
    ['outsideScopes()', outsideScopes],
    ['grad()', body => grad(body as () => Tensor, [])],
    ['vjp()', body => vjp(body as () => Tensor, [])],
  ]
  const bodies: [string, (make: () => Tensor) => () => unknown][] = [
    [
      'an async function',
      make => async () => {
        const made = make()
        await null
        return ops.scale(made, 2)
      },
    ],
    [
      'an async function that throws',
      make => async () => {
        make()
        throw new Error('later')
      },
    ],
    [
      'promises in an array',
      make => () => {
        const made = make()
        return [made, made.data()]
      },
    ],
    [
      'a promise in an object',
      make => () => {
        const loss = make()
        return { loss, values: loss.data() }
      },
    ],
    [
      'a generator',
      make =>
        function* () {
          yield make()
        },
    ],
    [
      'an async generator',
      make =>
        async function* () {
          yield make()
        },
    ],
  ]

  it.each(runners.flatMap(([owner, run]) => bodies.map(([what, body]) => ({ owner, what, run, body }))))(
    '$owner refuses $what and disposes what it made',
    async ({ owner, run, body }) => {
      let made: Tensor | undefined
      const call = () =>
        run(
          body(() => {
            made = tensor([1, 2])
            return made
          }),
        )
      expect(call).toThrow(ConfigError)
      expect(call).toThrow(`${owner} expects a body that is done when it returns`)
      if (owner !== 'outsideScopes()') expect(made?.disposed ?? true).toBe(true)
      // A rejection left unhandled would fail the run.
      await setImmediate()
      using after = scope(() => ops.scale(tensor([3]), 2))
      expect([...(await after.data())]).toEqual([6])
    },
  )

  it('grad() refuses a body without a loss', () => {
    for (const nothing of [undefined, null, 3, {}, { value: tensor([1]) }]) {
      expect(() => grad(() => nothing as never, [])).toThrow(/returns a tensor or \{ loss: a tensor \}/)
    }
  })
})
