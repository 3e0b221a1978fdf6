import type {RawRecord} from '../model/index.ts'

/** How much one source may hold here: what a hostile or broken site can cost. */
export interface SourceLimits {
  readonly keys: number
  /** Of all keys and values together. */
  readonly bytes: number
  /** Of the keys below a prefix: each attribute set may be a class of policy, and costs more than an endpoint. */
  readonly below: readonly {readonly what: string; readonly prefix: string; readonly keys: number}[]
}

/** Nothing larger is taken off the wire at once: some pages of a large export, or a value that etcd should have refused. */
export const LARGEST_MESSAGE = 16 * 2 ** 20

/** The source holds more than it may: nothing of it is taken, and what it said before stays. */
export class OverLimits extends Error {}

/** What a source holds, as far as its limits are concerned; `bytes` may be too high, never too low. */
export interface Usage {
  readonly keys: number
  readonly bytes: number
  /** In the order of the limits. */
  readonly below: readonly number[]
}

export const usageOf = (records: readonly RawRecord[], {below}: SourceLimits): Usage => ({
  keys: records.length,
  bytes: records.reduce((sum, record) => sum + sizeOf(record), 0),
  below: below.map(({prefix}) => records.filter(({key}) => key.startsWith(prefix)).length),
})

/** What changed in a source: keys that were made or deleted, and what was written. */
export interface Growth {
  readonly made: readonly string[]
  readonly deleted: readonly string[]
  readonly upserts: readonly RawRecord[]
}

export function usageAfter(usage: Usage, {made, deleted, upserts}: Growth, {below}: SourceLimits): Usage {
  const under = (keys: readonly string[], prefix: string): number => keys.filter((key) => key.startsWith(prefix)).length
  return {
    keys: usage.keys + made.length - deleted.length,
    bytes: usage.bytes + upserts.reduce((sum, record) => sum + sizeOf(record), 0),
    below: below.map(({prefix}, i) => usage.below[i]! + under(made, prefix) - under(deleted, prefix)),
  }
}

const sizeOf = ({key, value}: RawRecord): number => key.length + value.byteLength

/** What is too much, in words; null: nothing is. */
export function excess({keys, bytes, below}: Usage, limits: SourceLimits): string | null {
  if (keys > limits.keys) return `${keys} keys where ${limits.keys} may be`
  if (bytes > limits.bytes) return `${bytes} bytes where ${limits.bytes} may be`
  const index = limits.below.findIndex((limit, i) => below[i]! > limit.keys)
  const limit = limits.below[index]
  return limit ? `${below[index]} ${limit.what} where ${limit.keys} may be` : null
}
