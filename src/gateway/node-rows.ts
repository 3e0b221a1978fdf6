import type {NodeRow} from '../api/index.ts'
import type {GatewayConfig, World} from '../model/index.ts'
import {sessionsWith} from '../routing/index.ts'

/** Nodes of the own clusters, each with the sessions that the gateway has with it. */
export function nodeRows(world: World, config: GatewayConfig): NodeRow[] {
  const sessionsOf = sessionsWith(config)
  return world.nodes.map((node) => ({
    name: node.meta.name,
    source: `datastore of site ${world.local}`,
    addresses: node.addresses.map(({address, length}) => `${address}/${length}`),
    labels: node.meta.labels,
    sessions: sessionsOf(node),
  }))
}
