import {readFile} from 'node:fs/promises'

/**
 * A moment by two clocks. Within one life of the machine the time since its boot is right, whatever is done to the
 * clock on the wall; after a reboot that one is all there is.
 */
export interface Moment {
  readonly bootId: string
  readonly upMs: number
  readonly wallMs: number
}

export async function presentMoment(): Promise<Moment> {
  const [bootId, uptime] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile('/proc/uptime', 'utf8'),
  ])
  return {bootId: bootId.trim(), upMs: Number.parseFloat(uptime) * 1000, wallMs: Date.now()}
}

/** Time between two moments; a clock on the wall that went back counts as none. */
export function between(before: Moment, after: Moment): number {
  const ms = before.bootId === after.bootId ? after.upMs - before.upMs : after.wallMs - before.wallMs
  return Math.max(0, ms)
}

export function readMoment(value: unknown): Moment | null {
  if (typeof value !== 'object' || value === null) return null
  const {bootId, upMs, wallMs} = value as Readonly<Record<string, unknown>>
  return typeof bootId === 'string' && isTime(upMs) && isTime(wallMs) ? {bootId, upMs, wallMs} : null
}

export const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0
