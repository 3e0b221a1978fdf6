/** Figures as people read them: three digits, a unit, and a dash for what is not known. */

const DASH = '–'
const THIN = '\u202f'

const digits = (value: number): string =>
  value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1).replace(/\.0$/, '')
      : value.toFixed(2).replace(/\.?0+$/, '')

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : value.toLocaleString('en-GB').replaceAll(',', THIN)
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH
  let [left, unit] = [value, 0]
  while (left >= 1000 && unit < BYTE_UNITS.length - 1) {
    left /= 1000
    unit++
  }
  return `${unit === 0 ? left.toFixed(0) : digits(left)}${THIN}${BYTE_UNITS[unit]}`
}

const BIT_UNITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']

/** Traffic, as those who sell lines count it. */
export function bitRate(bytesPerSecond: number | null | undefined): string {
  if (bytesPerSecond === null || bytesPerSecond === undefined) return DASH
  let [left, unit] = [bytesPerSecond * 8, 0]
  while (left >= 1000 && unit < BIT_UNITS.length - 1) {
    left /= 1000
    unit++
  }
  return `${unit === 0 ? left.toFixed(0) : digits(left)}${THIN}${BIT_UNITS[unit]}`
}

export function milliseconds(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : `${digits(value)}${THIN}ms`
}

export function percent(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined) return DASH
  const value = ratio * 100
  return `${value > 0 && value < 0.1 ? '<0.1' : digits(value)}${THIN}%`
}

const SPANS: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
]

/** The two largest units: `3 h 12 min`. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return DASH
  if (seconds < 1) return `<1${THIN}s`
  const parts: string[] = []
  let left = Math.floor(seconds)
  for (const [unit, size] of SPANS) {
    const many = Math.floor(left / size)
    left -= many * size
    if (many > 0) parts.push(`${many}${THIN}${unit}`)
    if (parts.length === 2 || (parts.length === 1 && many === 0)) break
  }
  return parts.join(' ')
}

/** Seconds since a moment in ISO 8601; null where it is not known, or not a moment. */
export function secondsSince(iso: string | null | undefined, nowMs: number): number | null {
  if (!iso) return null
  const at = Date.parse(iso)
  return Number.isNaN(at) ? null : Math.max(0, (nowMs - at) / 1000)
}
