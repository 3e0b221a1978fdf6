import type {GatewayConfig, NatExposure, NftChain} from '../model/index.ts'
import {type Address, prefixFamily} from '../net/index.ts'
import {oneOf} from './rule-texts.ts'

/** So many nodes have a counter of their own; of the others it is only known that there are some. */
export const MOST_NODES = 500
const OTHER = 'nat_other'
/** What nft takes as a part of a name without any doubt; node names come from etcd. */
const PLAIN_NAME = /^[a-z0-9][a-z0-9.-]{0,99}$/

const counterOf = (source: string, node: string): string => `nat_${source.replace('datastore/', '')}/${node}`

/** The node that a counter of the ruleset is about; `node` null: one without a counter of its own. Null: about none. */
export function nodeOfCounter(counter: string): {readonly datastore: string; readonly node: string | null} | null {
  if (counter === OTHER) return {datastore: '', node: null}
  const [, datastore, node] = /^nat_([^/]+)\/(.+)$/.exec(counter) ?? []
  return datastore && node ? {datastore, node} : null
}

export interface NodeNat {
  /** Before a packet is judged. Nothing where no datastore hides its pods: then it costs nothing. */
  readonly rules: readonly string[]
  readonly chains: readonly NftChain[]
  readonly counters: readonly string[]
}

/**
 * Counts what comes from a node's own address to a remote prefix that its Calico does SNAT towards: pods that policy cannot
 * know. Only packets that are looked at come here, mostly the first of a flow, and none is dropped for it.
 */
export function planNodeNat(
  exposures: readonly NatExposure[],
  {infrastructure}: Pick<GatewayConfig, 'infrastructure'>,
): NodeNat {
  const rules: string[] = []
  const counting: string[] = []
  const counters = new Set<string>()
  for (const family of [4, 6] as const) {
    const ip = family === 4 ? 'ip' : 'ip6'
    const own = exposures.filter((exposure) => exposure.family === family)
    const prefixes = [...new Set(own.flatMap((exposure) => exposure.prefixes))].sort()
    const byAddress = new Map<Address, string>()
    for (const {source, nodes} of own) {
      for (const {name, addresses} of nodes) {
        const counter = counterOf(source, name)
        const has = PLAIN_NAME.test(name) && (counters.has(counter) || counters.size < MOST_NODES)
        for (const address of addresses) if (!byAddress.has(address)) byAddress.set(address, has ? counter : OTHER)
        if (has && addresses.length > 0) counters.add(counter)
      }
    }
    const nets = infrastructure.filter((net) => prefixFamily(net) === family)
    const sources = [...byAddress.keys(), ...nets].sort()
    if (prefixes.length === 0 || sources.length === 0) continue
    rules.push(`ct direction original ${ip} saddr ${oneOf(sources)} ${ip} daddr ${oneOf(prefixes)} jump node_nat`)
    const named = [...byAddress].filter(([, counter]) => counter !== OTHER).sort()
    if (named.length > 0) {
      const map = named.map(([address, counter]) => `${address} : "${counter}"`).join(', ')
      counting.push(`counter name ${ip} saddr map { ${map} } return`)
    }
  }
  if (rules.length === 0) return {rules: [], chains: [], counters: []}
  const chain: NftChain = {name: 'node_nat', hook: null, rules: [...counting, `counter name "${OTHER}"`]}
  return {rules, chains: [chain], counters: [...counters, OTHER]}
}
