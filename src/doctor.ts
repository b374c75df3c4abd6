// What this machine offers the package.
import { totalmem } from 'node:os'
import { datasets } from './data/datasets.ts'
import { addonPath } from './native/addon.ts'
import { Device } from './tensor/device.ts'
import { version } from './version.ts'

export interface DoctorReport {
  readonly version: string
  readonly node: string
  readonly platform: string
  /** Such as 'CPU, AVX2, 2 threads'. */
  readonly device: string
  /** Bytes of the machine. */
  readonly memory: number
  /** Path of the native addon. */
  readonly addon: string
  /** `dir` is null where the data set was not found in its usual places. */
  readonly datasets: readonly { readonly name: string; readonly dir: string | null }[]
}

/** @throws DeviceError where the native addon cannot be loaded */
export async function doctor(): Promise<DoctorReport> {
  return {
    version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    device: Device.default.description,
    memory: totalmem(),
    addon: addonPath(),
    datasets: await Promise.all(
      datasets.list().map(async ({ name }) => ({ name, dir: (await datasets.locate(name)) ?? null })),
    ),
  }
}
