import type {NodeRow} from '../api/index.ts'
import {type NodeSessions, sessionName, type World} from '../model/index.ts'
import {neighborTest} from '../routing/index.ts'

/** Nodes of the own clusters, each with the session that the gateway has with it. */
export function nodeRows(world: World, nodes: NodeSessions | null): NodeRow[] {
  const isNeighbor = nodes ? neighborTest(nodes) : () => false
  return world.nodes.map((node) => {
    const {meta, addresses, bgp} = node
    const address = addresses[0]?.address
    return {
      name: meta.name,
      source: `datastore of site ${world.local}`,
      addresses: addresses.map(({address: own, length}) => `${own}/${length}`),
      labels: meta.labels,
      session: bgp && address && isNeighbor(node) ? sessionName('node', meta.name, `${meta.name} ${address}`) : null,
    }
  })
}
