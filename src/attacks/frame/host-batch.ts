// What an attack is given of a set of images at once.

/** A batch of images, all in host memory. */
export interface HostBatch {
  /** Images in the batch. */
  readonly count: number
  /** [count·C·H·W] in [0, 1]; not to be changed. */
  readonly images: Float32Array<ArrayBuffer>
  /** Their classes, [count]. */
  readonly labels: Int32Array<ArrayBuffer>
  /** Numbers of the images, [count], which key their random draws. */
  readonly sampleIds: Int32Array<ArrayBuffer>
  /** Of the run, which keys the draws too. */
  readonly seed: number
  /** Of a targeted run: the class that each image is to be taken for, [count]. */
  readonly targets?: Int32Array<ArrayBuffer>
}

/** A batch whose targets may depend on what the model answers. */
export interface GivenBatch extends Omit<HostBatch, 'targets'> {
  readonly targets?: Int32Array<ArrayBuffer> | 'least-likely'
}
