// Numbers as people read them.

/** 0.6412 as '64.1 %'. */
export function formatPercent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** A share with its 95 % interval, as '57.8 % (53.4–62.1)'. */
export function formatAccuracy(share: number, [low, high]: readonly [number, number]): string {
  return `${formatPercent(share)} (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)})`
}

/** A difference of shares with its 95 % interval, as '+2.5 points (−0.1 to +5.1)'. */
export function formatDifference(difference: number, [low, high]: readonly [number, number]): string {
  const points = (share: number) => {
    const text = Math.abs(100 * share).toFixed(1)
    return Number(text) === 0 ? text : `${share < 0 ? '−' : '+'}${text}`
  }
  return `${points(difference)} points (${points(low)} to ${points(high)})`
}

/** 1234567 as '1,234,567', whatever the locale. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** 1396736 as '1.40 MB'. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`
}

/** Seconds as '42 s', '3 min 12 s' or '2 h 5 min'. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds)
  if (!Number.isFinite(whole)) return '?'
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
