import {createHash} from 'node:crypto'
import type {Direction, NftChain} from '../../model/index.ts'

/** What a Log rule does: it tells the kernel's log of a packet, and the packet goes on. One for each rule of a policy. */
export interface LogChain {
  readonly name: string
  readonly prefix: string
}

export interface LoggedRule {
  readonly tier: string
  readonly policy: string
  readonly direction: Direction
  /** In the stored list. */
  readonly index: number
}

/** The kernel refuses a prefix of more bytes ("Numerical result out of range"). */
const MOST_BYTES = 127
const HASH_DIGITS = 6

/** `isthmus TIER/POLICY/DIRECTION/INDEX `; of a name that is too long the beginning, `~` and a hash of all of it. */
export function logChain({tier, policy, direction, index}: LoggedRule): LogChain {
  const [head, tail] = [`isthmus ${plain(tier)}/`, `/${direction}/${index} `]
  const whole = `${head}${plain(policy)}${tail}`
  const mark = `~${hash(`${tier}/${policy}`).slice(0, HASH_DIGITS)}`
  const cut = `${head}${plain(policy)}`.slice(0, MOST_BYTES - tail.length - mark.length)
  const prefix = whole.length <= MOST_BYTES ? whole : `${cut}${mark}${tail}`
  return {name: `log_${hash(JSON.stringify([tier, policy, direction, index])).slice(0, 16)}`, prefix}
}

/** Beyond the limit the rule ends without a word, and the packet goes on. */
export function logNftChain(chain: LogChain): NftChain {
  const known = printed.get(chain)
  if (known) return known
  const rules = [`limit rate 10/second burst 20 packets log prefix "${chain.prefix}"`]
  const fresh = {name: chain.name, hook: null, rules}
  printed.set(chain, fresh)
  return fresh
}

/** One object for each chain, so that who compares chains sees at once what he has seen. */
const printed = new WeakMap<LogChain, NftChain>()

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Names may come from writers that check nothing; the prefix stands in quotes. */
const plain = (name: string): string => name.replaceAll(/[^A-Za-z0-9._-]/g, '_')
