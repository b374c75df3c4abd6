// What an attack finds for one batch of images, as it is kept where a run can be resumed.

export interface Warning {
  readonly code: string
  readonly message: string
}

/** Images that pass through a model, forwards and backwards. */
export interface Passes {
  readonly forwards: number
  readonly backwards: number
}

/** What an attack found for a batch, and the passes it took. */
export interface BatchOutcome extends Passes {
  /** [count·C·H·W] */
  readonly adversarial: Float32Array
  /** 1 = classified right, naturally and under attack, [count] */
  readonly robust: ArrayLike<number>
  /** [count] */
  readonly bestLoss: ArrayLike<number>
  /** See AttackResult, [count] each. */
  readonly distances?: ArrayLike<number>
  readonly queries?: ArrayLike<number>
  readonly targets?: ArrayLike<number>
  readonly hit?: ArrayLike<number>
  readonly warnings: readonly Warning[]
}
