import {createHash} from 'node:crypto'
import type {NftChain} from '../../model/index.ts'
import {type LogChain, logNftChain} from './log-chains.ts'
import {isUnconditional, type PacketMatch, printMatch} from './packet-match.ts'

/** Name of the chain that a packet goes to: a verdict chain, `allowed`, or one that denies. */
export type Target = string

/** A short function of protocol and ports: the first match that has a target decides, else `otherwise`. */
export interface VerdictChain {
  readonly name: Target
  readonly rules: readonly ChainRule[]
  readonly otherwise: Target
}

/** A packet that matches goes to the target, or is told of and goes on. */
export type ChainRule =
  | {readonly match: PacketMatch; readonly target: Target; readonly log?: never}
  | {readonly match: PacketMatch; readonly target?: never; readonly log: LogChain}

/**
 * Makes verdict chains, each distinct function once. Rules that cannot decide anything are left out, and a function that
 * is constant is no chain but its verdict, so equal functions mostly have equal text, and equal text has one name.
 */
export interface ChainMaker {
  readonly chains: Map<Target, VerdictChain>
  readonly make: (rules: VerdictChain['rules'], otherwise: Target) => Target
  /** The same for what was made under this key before. */
  readonly once: (key: string, make: () => Target) => Target
}

const VERDICT = 'v'

/** By its name: made by a chain maker, and neither `allowed` nor a denial. */
export const isVerdictChain = (target: Target): boolean => target.startsWith(`${VERDICT}_`)

export function chainMaker(prefix = VERDICT): ChainMaker {
  const chains = new Map<Target, VerdictChain>()
  const made = new Map<string, Target>()
  return {
    chains,
    once: (key, make) => {
      const known = made.get(key)
      if (known !== undefined) return known
      const target = make()
      made.set(key, target)
      return target
    },
    make: (rules, otherwise) => {
      const unconditional = rules.findIndex(({match, target}) => target !== undefined && isUnconditional(match))
      const end = rules[unconditional]?.target ?? otherwise
      const kept = unconditional < 0 ? [...rules] : rules.slice(0, unconditional)
      while (kept.at(-1)?.target === end) kept.pop()
      if (kept.length === 0) return end
      const text = printRules(kept, end).join('\n')
      const name = `${prefix}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
      if (!chains.has(name)) chains.set(name, {name, rules: kept, otherwise: end})
      return name
    },
  }
}

const printed = new WeakMap<VerdictChain, NftChain>()

/** These, and what they log by. */
export function nftChains(chains: readonly VerdictChain[]): Map<string, NftChain> {
  const printed = new Map<string, NftChain>()
  for (const chain of chains) {
    printed.set(chain.name, nftChain(chain))
    for (const {log} of chain.rules) if (log) printed.set(log.name, logNftChain(log))
  }
  return printed
}

/** One object for each chain, as often as it is asked for: who compares chains sees at once what he has seen. */
function nftChain(chain: VerdictChain): NftChain {
  const known = printed.get(chain)
  if (known) return known
  const fresh = {name: chain.name, hook: null, rules: printRules(chain.rules, chain.otherwise)}
  printed.set(chain, fresh)
  return fresh
}

function printRules(rules: VerdictChain['rules'], otherwise: Target): string[] {
  const lines = rules.map(({match, target, log}) =>
    `${printMatch(match)} ${log ? `jump ${log.name}` : `goto ${target}`}`.trimStart(),
  )
  return [...lines, `goto ${otherwise}`]
}

/** The chains that packets can reach from `entries`; `inOrder`: of their names. */
export function reachableChains(
  chains: ReadonlyMap<Target, VerdictChain>,
  entries: Iterable<Target>,
  inOrder: boolean,
): VerdictChain[] {
  const reached = new Map<Target, VerdictChain>()
  const open = [...entries]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const chain = chains.get(name)
    if (!chain || reached.has(name)) continue
    reached.set(name, chain)
    open.push(chain.otherwise)
    for (const {target} of chain.rules) if (target !== undefined) open.push(target)
  }
  const found = [...reached.values()]
  return inOrder ? found.sort((a, b) => (a.name < b.name ? -1 : 1)) : found
}
