// What options of several attacks must be; each check throws a ConfigError that names the option.
import { ConfigError } from '../errors.ts'

export function checkCount(option: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new ConfigError(
      `Expected a whole number of at least 1 for ${option} but received ${value}.`,
      option,
    )
  }
}

export function checkStepSize(stepSize: number): void {
  if (!Number.isFinite(stepSize) || stepSize < 0) {
    throw new ConfigError(`Expected a stepSize of at least 0 but received ${stepSize}.`, 'stepSize')
  }
}

export function checkOneOf(option: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return
  throw new ConfigError(
    `Expected one of ${allowed.join(', ')} for ${option} but received '${value}'.`,
    option,
  )
}
