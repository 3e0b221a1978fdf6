import type {CounterValue} from '../apply/index.ts'
import type {Finding, NatExposure} from '../model/index.ts'
import {nodeOfCounter} from '../plan/index.ts'

/** Labels of the metric; null: the counter is about no node. */
export function nodeNatLabels(counter: string): {readonly source: string; readonly node: string} | null {
  const found = nodeOfCounter(counter)
  if (!found) return null
  return found.node === null ? {source: '', node: ''} : {source: `datastore/${found.datastore}`, node: found.node}
}

/** So many nodes are named; of the rest only the number is said. */
const NAMED = 20

/** Nodes that sent packets of their pods under their own address, each with the pools that are the cause. */
export function nodeNatFindings(
  exposures: readonly NatExposure[],
  counters: ReadonlyMap<string, CounterValue>,
): Finding[] {
  const findings: Finding[] = []
  let more = 0
  for (const [counter, {packets}] of [...counters].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const found = packets > 0 ? nodeOfCounter(counter) : null
    if (!found) continue
    const own = exposures.filter(({source}) => found.node === null || source === `datastore/${found.datastore}`)
    if (own.length === 0) continue
    if (findings.length < NAMED) findings.push(nodeNatFinding(found.node, own, packets))
    else more++
  }
  if (more > 0) findings.push({...findings.at(-1)!, detail: `${more} more nodes send packets of pods as their own`})
  return findings
}

function nodeNatFinding(node: string | null, exposures: readonly NatExposure[], packets: number): Finding {
  const pools = [...new Set(exposures.flatMap((one) => one.pools))]
  const prefixes = [...new Set(exposures.flatMap((one) => one.prefixes))]
  const who = node === null ? 'nodes (infrastructure, or beyond the number that is counted)' : `node ${node}`
  const [pool, has] = pools.length === 1 ? ['IPPool', 'has'] : ['IPPools', 'have']
  return {
    code: 'node-nat',
    severity: 'warning',
    where: {source: exposures[0]!.source.replace('/', ' '), ...(node === null ? {} : {key: `nodes/${node}`})},
    detail: `${who} sent ${packets} ${packets === 1 ? 'packet' : 'packets'} to ${few(prefixes)} with its own address: ${pool} ${few(pools)} ${has} natOutgoing, and no pool here holds ${few(prefixes)}, so its pods are hidden and policy takes them for the node`,
    remedy: `writeBack.pools of this datastore, or a disabled IPPool with natOutgoing false for ${few(prefixes)}`,
  }
}

const few = (all: readonly string[]): string =>
  all.length > 3 ? `${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : all.join(', ')
