// What an attack is given of a set of images at once.

/** A batch of images, all in host memory. */
export interface HostBatch {
  readonly count: number
  /** [count·C·H·W] in [0, 1]; not to be changed. */
  readonly images: Float32Array<ArrayBuffer>
  readonly labels: Int32Array<ArrayBuffer>
  /** Key the random draws of each image. */
  readonly sampleIds: Int32Array<ArrayBuffer>
  readonly seed: number
  /** Of a targeted run: the class that each image is to be taken for, [count]. */
  readonly targets?: Int32Array<ArrayBuffer>
}

/** A batch whose targets may depend on what the model answers. */
export interface GivenBatch extends Omit<HostBatch, 'targets'> {
  readonly targets?: Int32Array<ArrayBuffer> | 'least-likely'
}
