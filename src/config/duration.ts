const UNIT_MS = {s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000} as const

/** Milliseconds of `30s`, `5m`, `24h`, `7d`: a whole number above 0 and one unit, a year at most; null: something else. */
export function parseDuration(text: string): number | null {
  const match = /^([1-9]\d{0,8})([smhd])$/.exec(text)
  const unit = match?.[2]
  if (!match || (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd')) return null
  const ms = Number(match[1]) * UNIT_MS[unit]
  return ms <= 366 * UNIT_MS.d ? ms : null
}
