import type {CalicoNode, Decoded, GatewayConfig, IpPool, NatExposure, SourceId} from '../model/index.ts'
import {familyOf, prefixContains, prefixFamily} from '../net/index.ts'
import {isWrittenByUs} from './holding.ts'

type Records = Iterable<{readonly source: SourceId; readonly record: Decoded}>

/**
 * Where Calico's nodes hide pods behind their own address towards remote sites. Any pool exempts what lies in it, also a
 * disabled one and one that Isthmus wrote; one for load balancers alone exempts nothing and hides nobody.
 */
export function natExposures(records: Records, {sites}: Pick<GatewayConfig, 'sites'>): NatExposure[] {
  const datastores = new Map<SourceId, {readonly pools: IpPool[]; readonly nodes: CalicoNode[]}>()
  for (const {source, record} of records) {
    if (record.type !== 'resource') continue
    const {resource} = record
    const own = datastores.get(source) ?? {pools: [], nodes: []}
    datastores.set(source, own)
    if (resource.kind === 'IPPool') own.pools.push(resource)
    if (resource.kind === 'Node' && !isWrittenByUs(resource.meta)) own.nodes.push(resource)
  }
  const remotes = [...sites.values()].flatMap(({owns}) => owns)
  return [...datastores]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([source, {pools, nodes}]) =>
      ([4, 6] as const).flatMap((family): NatExposure[] => {
        const counting = pools.filter(({cidr, workloads}) => workloads && prefixFamily(cidr) === family)
        const hiding = counting.filter(({natOutgoing}) => natOutgoing)
        const prefixes = remotes.filter(
          (remote) => prefixFamily(remote) === family && !counting.some(({cidr}) => prefixContains(cidr, remote)),
        )
        if (hiding.length === 0 || prefixes.length === 0) return []
        return [
          {
            ...{source, family, prefixes: [...new Set(prefixes)].sort()},
            pools: hiding.map(({meta}) => meta.name).sort(),
            nodes: nodes
              .map(({meta, addresses}) => ({
                name: meta.name,
                addresses: addresses.map(({address}) => address).filter((address) => familyOf(address) === family),
              }))
              .sort((a, b) => (a.name < b.name ? -1 : 1)),
          },
        ]
      }),
    )
}
