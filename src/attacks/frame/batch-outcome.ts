// What an attack finds for one batch of images, as it is kept where a run can be resumed.

/** What makes a number misleading. */
export interface Warning {
  /** Stable, for programs: 'gradient-masking' and the like. */
  readonly code: string
  /** Whole sentences, for people. */
  readonly message: string
}

/** Images that pass through a model, forwards and backwards. */
export interface Passes {
  /** Images that went forwards; one that goes twice counts twice. */
  readonly forwards: number
  /** Images whose gradients were computed. */
  readonly backwards: number
}

/** What an attack found for a batch, and the passes it took. */
export interface BatchOutcome extends Passes {
  /** Images [count·C·H·W] in [0, 1]. */
  readonly adversarial: Float32Array
  /** 1 = classified right, naturally and under attack, [count] */
  readonly robust: ArrayLike<number>
  /** The largest loss found, [count]. */
  readonly bestLoss: ArrayLike<number>
  /** See AttackResult, [count]. */
  readonly distances?: ArrayLike<number>
  /** See AttackResult, [count]. */
  readonly queries?: ArrayLike<number>
  /** See AttackResult, [count]. */
  readonly targets?: ArrayLike<number>
  /** See AttackResult, [count]. */
  readonly hit?: ArrayLike<number>
  /** What makes the result misleading, if anything. */
  readonly warnings: readonly Warning[]
}
