// Attacks a model of your own. Anything that maps images to logits will do: here softmax regression, written with the ops,
// trained on made-up images of two classes (bright above, bright below).
//
//   node attack-your-model.ts [STEPS]          default: 200 steps of training

import { attacks, type Classifier, datasets, evaluate, grad, ops, scope, tensor } from 'rst-native'

const [steps = '200'] = process.argv.slice(2)
const [channels, height, width] = [1, 6, 6] as const
const size = channels * height * width

/** `count` images of 8 bits, class n % 2 of image n; the noise is a fixed pattern. */
function made(count: number, phase: number) {
  const images = Uint8Array.from({ length: count * size }, (_, i) => {
    const [n, row] = [Math.floor(i / size), Math.floor((i % size) / width)]
    const bright = row < height / 2 === (n % 2 === 0)
    return 128 + (bright ? 40 : -40) + Math.round(60 * Math.sin(i * i + phase))
  })
  return { images, labels: Array.from({ length: count }, (_, n) => n % 2) }
}
const data = datasets.fromArrays({
  name: 'halves',
  classNames: ['above', 'below'],
  shape: [channels, height, width],
  train: made(256, 0),
  test: made(100, 1),
})

// The parameters. Only ops.sgdStep changes tensors in place.
const weight = tensor(new Float32Array(2 * size), [2, size])
const bias = tensor(new Float32Array(2), [2])
const model: Classifier = {
  numClasses: 2,
  inputShape: [channels, height, width],
  logits: x => ops.linear(x, weight, bias),
}

const pixels = tensor(
  Float32Array.from(data.train.images, v => v / 255),
  [256, channels, height, width],
)
const labels = tensor(Int32Array.from(data.train.labels), [256], { dtype: 'i32' })
const parameters = [weight, bias].map(value => ({ value, velocity: ops.full(value.shape, 0) }))
for (let step = 0; step < Number(steps); step++) {
  // What is made inside is freed at the end of the scope.
  scope(() => {
    const { gradients } = grad(() => ops.mean(ops.crossEntropy(model.logits(pixels), labels)), [weight, bias])
    for (const [i, { value, velocity }] of parameters.entries()) {
      ops.sgdStep(value, gradients[i], velocity, { lr: 0.5, momentum: 0.9, weightDecay: 0 })
    }
  })
}

const eps = 8 / 255
const report = await evaluate(model, data.test, {
  attacks: [attacks.pgd({ eps }), attacks.square({ eps, queries: 200 }), attacks.apgd({ eps, steps: 50 })],
})
console.log(`natural: ${report.naturalAccuracy}`)
for (const { name, robustAccuracy, forwards, backwards, warnings } of report.attacks) {
  console.log(`${name}: ${robustAccuracy}, ${forwards} forward and ${backwards} backward passes`)
  for (const { message } of warnings) console.log(`  ${message}`)
}
