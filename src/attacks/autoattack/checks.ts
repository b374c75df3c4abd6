// What may be wrong with a model or an evaluation, so that robust accuracy would mislead. After the checks of the
// reference code (fra31/auto-attack, checks.py, flags_doc.md); each docstring names what it does otherwise.
import { apgd } from '../apgd.ts'
import type { Warning } from '../frame/attack.ts'
import { type LossName, leastClasses, losses, mostTargets, topClass } from '../frame/losses.ts'
import { type Oracle, row } from '../frame/oracle.ts'
import type { Norm } from '../frame/threat-model.ts'

/** The first few images, on which a model is probed. */
export interface Probe {
  readonly count: number
  /** [count·C·H·W] in [0, 1] */
  readonly images: Float32Array<ArrayBuffer>
  readonly labels: Int32Array
  /** Numbers of the images, by which warnings name them. */
  readonly ids: ArrayLike<number>
}

/** Most by which two answers of the same model may differ, as distance of logits of length 1. */
const answerTolerance = 1e-4

/**
 * Asks all checks of a model.
 * @param random whether the attacks expect it to answer at random, so that it may
 */
export async function checkModel(
  oracle: Oracle,
  probe: Probe,
  norm: Norm,
  { random = false } = {},
): Promise<Warning[]> {
  const found = [checkProbabilities(await oracle.logits(probe.images), oracle.classes)]
  const finite = await checkFinite(oracle, probe)
  found.push(finite)
  if (!finite) {
    found.push(await checkZeroGradients(oracle, probe), await checkUnbounded(oracle, probe, norm))
    const differs = await checkRandomness(oracle, probe, { expected: random })
    found.push(differs)
    // What answers at random fails these for that reason alone.
    if (!differs) {
      found.push(await checkBatchDependence(oracle, probe))
      found.push(await checkState(oracle, probe))
      found.push(await checkEpsZero(oracle, probe, norm))
    }
  }
  return found.filter(warning => warning !== null)
}

/**
 * Whether five passes give other answers. The reference code compares how many predictions are right; here each image's
 * prediction is compared, so that changes that cancel out are seen. It does not ask version 'rand', where randomness is
 * expected; here the warning then says what decided.
 */
export async function checkRandomness(
  oracle: Oracle,
  { images, ids }: Probe,
  { expected = false } = {},
): Promise<Warning | null> {
  const first = await oracle.logits(images)
  const differing = new Set<number>()
  for (let pass = 1; pass < 5; pass++) {
    for (const n of differences(first, await oracle.logits(images), oracle.classes)) differing.add(n)
  }
  if (differing.size === 0) return null
  return expected
    ? {
        code: 'single-draws',
        message:
          'The model answers at random and one answer decides after each attack: robust accuracy is the share that is right in all these answers, which is less than the expected accuracy.',
      }
    : {
        code: 'random-model',
        message: `The model answers differently from pass to pass (${imageList([...differing].map(n => ids[n]))}): a fixed attack flatters it; use version 'rand' or an expectation over its randomness.`,
      }
}

/** Whether an image is answered differently when it is alone, as by batch norm in training mode. */
export async function checkBatchDependence(
  oracle: Oracle,
  { images, count, ids }: Probe,
): Promise<Warning | null> {
  const together = await oracle.logits(images)
  const alone = new Float32Array(together.length)
  for (let n = 0; n < count; n++) {
    const image = new Float32Array(row(images, n, oracle.imageSize))
    alone.set(await oracle.logits(image), n * oracle.classes)
  }
  const differing = differences(together, alone, oracle.classes)
  return differing.length === 0
    ? null
    : {
        code: 'batch-dependent',
        message: `The model's answer to an image depends on the other images of the batch (${imageList(differing.map(n => ids[n]))}): set batch norm to eval mode.`,
      }
}

/** Whether forward and backward passes on other images change the answers, as when running statistics are updated. */
export async function checkState(oracle: Oracle, { images, labels, ids }: Probe): Promise<Warning | null> {
  const before = await oracle.logits(images)
  const inverted = images.map(v => 1 - v)
  await oracle.differentiate(inverted, (n, logits, cotangent) => {
    losses.ce(logits, labels[n], cotangent, -1)
  })
  const differing = differences(before, await oracle.logits(images), oracle.classes)
  return differing.length === 0
    ? null
    : {
        code: 'stateful-forward',
        message: `Passes on other images change the model's answers (${imageList(differing.map(n => ids[n]))}): its robust accuracy depends on what it saw before.`,
      }
}

/** Whether the outputs are probabilities, or (which the reference code does not ask) their logarithms. */
export function checkProbabilities(logits: Float32Array, classes: number): Warning | null {
  const every = (holds: (own: Float32Array) => boolean) =>
    Array.from({ length: logits.length / classes }, (_, n) => row(logits, n, classes)).every(holds)
  const sumsToOne = (values: Iterable<number>) =>
    Math.abs([...values].reduce((sum, v) => sum + v, 0) - 1) < 1e-5
  if (every(own => own.every(v => v > -1e-5 && v < 1 + 1e-5) && sumsToOne(own))) {
    return {
      code: 'softmax-output',
      message: 'The outputs look like probabilities: leave out the softmax, whose gradients vanish.',
    }
  }
  if (every(own => own.every(v => v < 1e-5) && sumsToOne(own.map(Math.exp)))) {
    return {
      code: 'log-softmax-output',
      message:
        'The outputs look like logarithms of probabilities: leave out the log-softmax, which rounds small margins away.',
    }
  }
  return null
}

/**
 * Whether an attack on a loss starts without a gradient. The reference code asks it of the DLR losses alone; a saturated
 * cross-entropy has none either.
 */
export async function checkZeroGradients(
  oracle: Oracle,
  { images, labels, count, ids }: Probe,
): Promise<Warning | null> {
  const names = (['ce', 'dlr'] as const).filter(name => oracle.classes >= leastClasses[name])
  const found: string[] = []
  for (const name of names) {
    const gradient = await lossGradient(oracle, images, labels, name)
    const flat = Array.from({ length: count }, (_, n) => n).filter(n =>
      row(gradient, n, oracle.imageSize).every(v => v === 0),
    )
    if (flat.length > 0) found.push(`${name}: ${imageList(flat.map(n => ids[n]))}`)
  }
  return found.length === 0
    ? null
    : {
        code: 'zero-gradients',
        message: `The gradient of the loss is zero (${found.join('; ')}): attacks by gradient fail there, and robust accuracy is too high if others fail too.`,
      }
}

/** Whether logits and the gradient of the cross-entropy are finite numbers. */
export async function checkFinite(oracle: Oracle, { images, labels }: Probe): Promise<Warning | null> {
  let logitsFinite = true
  const { gradient } = await oracle.differentiate(images, (n, logits, cotangent) => {
    logitsFinite &&= logits.every(Number.isFinite)
    losses.ce(logits, labels[n], cotangent, -1)
  })
  if (logitsFinite && gradient.every(Number.isFinite)) return null
  return {
    code: 'not-finite',
    message: `The model's ${logitsFinite ? 'gradients' : 'logits'} hold NaN or infinity: attacks cannot climb there, and robust accuracy means nothing.`,
  }
}

/** Whether an attack of size 0 leaves the images and the clean accuracy as they are. */
export async function checkEpsZero(oracle: Oracle, probe: Probe, norm: Norm): Promise<Warning | null> {
  const clean = predictedRight(await oracle.logits(probe.images), probe.labels, oracle.classes)
  const { robust, adversarial } = await attackProbe(oracle, probe, norm, 0, 2)
  if (adversarial.every((v, j) => v === probe.images[j]) && robust.every((r, n) => (r === 1) === clean[n])) {
    return null
  }
  return {
    code: 'eps-zero-changes',
    message: 'An attack of eps 0 changes the accuracy: the model or the evaluation is not deterministic.',
  }
}

/** Whether an attack that may change every pixel at will fools the model on every image (Carlini et al., 2019). */
export async function checkUnbounded(oracle: Oracle, probe: Probe, norm: Norm): Promise<Warning | null> {
  const eps = norm === 'linf' ? 1 : Math.sqrt(oracle.imageSize)
  const { robust } = await attackProbe(oracle, probe, norm, eps, 50)
  const standing = Array.from(robust, (_, n) => n).filter(n => robust[n] === 1)
  return standing.length === 0
    ? null
    : {
        code: 'unbounded-attack-fails',
        message: `APGD may change every pixel at will and still fails (${imageList(standing.map(n => probe.ids[n]))}): the gradients are likely masked, and robust accuracy is too high.`,
      }
}

/**
 * Whether attacks are replaced, left out or have fewer targets than they should, for want of classes. The reference
 * code says so and goes on.
 */
export function checkClassCount(
  wanted: readonly string[],
  names: readonly string[],
  classes: number,
): Warning | null {
  const changes: string[] = []
  if (wanted.join() !== names.join())
    changes.push(`runs ${names.join(', ')} in place of ${wanted.join(', ')}`)
  if (classes <= mostTargets && names.some(name => name === 'apgd-t' || name === 'fab-t')) {
    changes.push(`has ${classes - 1} in place of ${mostTargets} target classes`)
  }
  if (changes.length === 0) return null
  return {
    code: 'too-few-classes',
    message: `For a model of ${classes} classes AutoAttack ${changes.join(' and ')}.`,
  }
}

/** What an attack of a series broke. */
export interface PartResult {
  readonly name: string
  /** Whether it asked for gradients. */
  readonly usesGradients: boolean
  /** Image numbers, of those that the attacks before it left standing. */
  readonly broken: readonly number[]
}

/**
 * Whether attacks without gradients break what those with gradients before them could not. The reference code compares
 * accuracies; here the images are named.
 * @param total images of the whole evaluation
 */
export function checkBlackBox(parts: readonly PartResult[], total: number): Warning | null {
  const evidence = parts.filter(
    (part, i) => !part.usesGradients && parts.slice(0, i).some(before => before.usesGradients),
  )
  const broken = evidence.flatMap(part => part.broken)
  if (!(broken.length > 0.002 * total)) return null
  const names = evidence.filter(part => part.broken.length > 0).map(part => part.name)
  return {
    code: 'black-box-stronger',
    message: `${names.join(', ')} broke what attacks by gradient could not (${imageList(broken)}): the gradients are likely masked.`,
  }
}

/** Images whose two answers differ in class, or by more than the tolerance. */
function differences(a: Float32Array, b: Float32Array, classes: number): number[] {
  return Array.from({ length: a.length / classes }, (_, n) => n).filter(n => {
    const [first, second] = [row(a, n, classes), row(b, n, classes)]
    if (topClass(first) !== topClass(second)) return true
    const lengths = [Math.hypot(...first), Math.hypot(...second)].map(length => Math.max(length, 1e-12))
    return Math.hypot(...first.map((v, c) => v / lengths[0] - second[c] / lengths[1])) > answerTolerance
  })
}

async function lossGradient(
  oracle: Oracle,
  images: Float32Array<ArrayBuffer>,
  labels: Int32Array,
  name: LossName,
): Promise<Float32Array> {
  const { gradient } = await oracle.differentiate(images, (n, logits, cotangent) => {
    losses[name](logits, labels[n], cotangent, -1)
  })
  return gradient
}

function predictedRight(logits: Float32Array, labels: Int32Array, classes: number): boolean[] {
  return Array.from(labels, (label, n) => topClass(row(logits, n, classes)) === label)
}

/** APGD on the probe, its passes counted with the oracle's. */
async function attackProbe(oracle: Oracle, probe: Probe, norm: Norm, eps: number, steps: number) {
  const { model, signal } = oracle
  const result = await apgd({ eps, norm, steps }).run(model, probe.images, probe.labels, { signal })
  oracle.forwards += result.forwards
  oracle.backwards += result.backwards
  return result
}

/** "1 image: 3", "12 images: 0, 4, 5, …" */
function imageList(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 10).join(', ')
  return `${numbers.length} image${numbers.length > 1 ? 's' : ''}: ${shown}${numbers.length > 10 ? ', …' : ''}`
}
