import {createHash} from 'node:crypto'
import type {NftChain} from '../../model/index.ts'
import {isUnconditional, type PacketMatch, printMatch} from './packet-match.ts'

/** Name of the chain that a packet goes to: a verdict chain, `allowed`, or one that denies. */
export type Target = string

/** A short function of protocol and ports: the first match decides, else `otherwise`. */
export interface VerdictChain {
  readonly name: Target
  readonly rules: readonly {readonly match: PacketMatch; readonly target: Target}[]
  readonly otherwise: Target
}

/**
 * Makes verdict chains, each distinct function once. Rules that cannot decide anything are left out, and a function that
 * is constant is no chain but its verdict, so equal functions mostly have equal text, and equal text has one name.
 */
export interface ChainMaker {
  readonly chains: Map<Target, VerdictChain>
  readonly make: (rules: VerdictChain['rules'], otherwise: Target) => Target
}

export function chainMaker(): ChainMaker {
  const chains = new Map<Target, VerdictChain>()
  return {
    chains,
    make: (rules, otherwise) => {
      const unconditional = rules.findIndex(({match}) => isUnconditional(match))
      const end = unconditional < 0 ? otherwise : rules[unconditional]!.target
      const kept = unconditional < 0 ? [...rules] : rules.slice(0, unconditional)
      while (kept.at(-1)?.target === end) kept.pop()
      if (kept.length === 0) return end
      const text = printRules(kept, end).join('\n')
      const name = `v_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
      if (!chains.has(name)) chains.set(name, {name, rules: kept, otherwise: end})
      return name
    },
  }
}

const printed = new WeakMap<VerdictChain, NftChain>()

/** One object for each chain, as often as it is asked for: who compares chains sees at once what he has seen. */
export function nftChain(chain: VerdictChain): NftChain {
  const known = printed.get(chain)
  if (known) return known
  const fresh = {name: chain.name, hook: null, rules: printRules(chain.rules, chain.otherwise)}
  printed.set(chain, fresh)
  return fresh
}

function printRules(rules: VerdictChain['rules'], otherwise: Target): string[] {
  return [...rules.map(({match, target}) => `${printMatch(match)} goto ${target}`), `goto ${otherwise}`]
}

/** The chains that packets can reach from `entries`, sorted by name. */
export function reachableChains(chains: ReadonlyMap<Target, VerdictChain>, entries: Iterable<Target>): VerdictChain[] {
  const reached = new Map<Target, VerdictChain>()
  const open = [...new Set(entries)]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const chain = chains.get(name)
    if (!chain || reached.has(name)) continue
    reached.set(name, chain)
    open.push(chain.otherwise, ...chain.rules.map(({target}) => target))
  }
  return [...reached.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
