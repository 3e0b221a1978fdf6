import {createHash} from 'node:crypto'
import type {PortRange} from '../net/index.ts'

/**
 * An nftables table as plain data: what the compiler makes, what the driver applies, what is read back.
 *
 * Rules are text in nft's own language, without comment. The driver stores a rule with the comment `i:HASH` (hash of
 * the text), so that what is read back names each rule without comparing the kernel's way of printing it.
 */
export interface NftTable {
  readonly family: 'inet'
  readonly name: string
  readonly counters: readonly string[]
  /** Maps and sets by name. */
  readonly sets: ReadonlyMap<string, NftSet>
  readonly chains: ReadonlyMap<string, NftChain>
  /** Devices, by index, between which packets of trusted flows may pass without asking this table each (apply/fast-path). */
  readonly fastPath?: readonly number[]
  /** What the fast path may allow by itself; none: nothing, each packet that must be judged is judged by the table. */
  readonly udpPorts?: UdpPorts | null
}

/**
 * By the number of a target: ports to which a UDP flow is allowed, whatever port it comes from, and without a word about
 * it in a log. Some that are allowed may be missing. Other ports, another object.
 */
export type UdpPorts = ReadonlyMap<number, readonly PortRange[]>

export interface NftSet {
  readonly name: string
  /** Key type, `ipv4_addr`, `mark . classid`, …; `value` null for a set, `mark`, `verdict`, … for a map. */
  readonly key: string
  readonly value: string | null
  readonly interval: boolean
  /** Element key → value (`''` in a set), both in nft's text: `10.1.0.5` → `0x00000007`, verdicts as `goto c_7`. */
  readonly elements: ReadonlyMap<string, string>
  /**
   * Elements are kept by somebody else (the driver's generation): the set is declared, its elements neither read nor
   * changed by a diff.
   */
  readonly external?: boolean
  /** Rules add elements. The set must be `external`. */
  readonly dynamic?: boolean
  /** Most elements; absent: as the driver likes. */
  readonly size?: number
  /** Names these elements: who has seen them in force need not compare them again. New elements, new object. */
  readonly version?: object
  /** The version that these elements were made from, and the only keys that may differ from it. */
  readonly since?: {readonly version: object; readonly keys: readonly string[]}
}

export interface NftChain {
  readonly name: string
  readonly hook: NftHook | null
  readonly rules: readonly string[]
}

export interface NftHook {
  readonly type: 'filter' | 'route' | 'nat'
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
  /** Number, lower first; `filter` is 0. */
  readonly priority: number
  readonly policy: 'accept' | 'drop'
}

/**
 * A packet takes the rules that were in force when it came; after so long it has left. Who changes what such a packet may
 * still look up waits for it (design.md, Policy 5 and 6).
 */
export const DRAIN_MS = 3

/** The comment that names a rule in the kernel: `i:` and 12 hex digits of the text's hash. */
export function ruleHash(text: string): string {
  return `i:${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
}

const hashes = new WeakMap<readonly string[], readonly string[]>()

/**
 * The hashes of a chain's rules; remembered by the very list, which goes from the plan through the step to what is held,
 * and outlives many passes.
 */
export function ruleHashes(rules: readonly string[]): readonly string[] {
  let known = hashes.get(rules)
  if (!known) {
    known = rules.map(ruleHash)
    hashes.set(rules, known)
  }
  return known
}

/** How a rule without our comment shows in `ActualNftChain.rules`. */
export const FOREIGN_RULE = 'foreign'

/** A hook as one comparable text: `filter forward -10 drop`. */
export function hookText(hook: NftHook): string {
  return `${hook.type} ${hook.hook} ${hook.priority} ${hook.policy}`
}
