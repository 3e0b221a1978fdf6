import {createHash} from 'node:crypto'
import {
  type GatewayConfig,
  LARGEST_BLOCK,
  type NodeSessions,
  SITE_LABEL,
  type SiteName,
  type WriteBackConfig,
} from '../model/index.ts'
import {type Address, type Prefix, prefixFamily, prefixLength} from '../net/index.ts'
import {blockRecords, blocksOf, gatewayNodeName} from './ipam.ts'
import {objectKey, objectName, objectText, type WrittenObject} from './objects.ts'

/**
 * The objects that follow from the configuration alone: a disabled IPPool for each prefix that a remote site is granted, a
 * BGPPeer for each gateway of the own site, and what makes nodes reach these by Calico's IPIP. So they do not come and go
 * with a remote site's etcd.
 */
export function siteObjects(
  {site, sites, nodes}: Pick<GatewayConfig, 'site' | 'sites' | 'nodes'>,
  {pools, peers, gateways = null}: Pick<WriteBackConfig, 'pools' | 'peers' | 'gateways'>,
): ReadonlyMap<string, string> {
  const objects: WrittenObject[] = []
  const blocks = gateways?.blocks ?? null
  const ipam: [string, string][] = []
  for (const remote of sites.values()) {
    for (const prefix of remote.owns) {
      if (pools !== null) objects.push(poolFor(remote.name, prefix, pools, blocks === null ? 26 : LARGEST_BLOCK))
      if (blocks !== null)
        ipam.push(...blocksOf(prefix).flatMap((cidr) => blockRecords(site, remote.name, cidr, blocks)))
    }
  }
  for (const address of gateways?.addresses ?? []) if (nodes !== null) objects.push(nodeFor(site, address, nodes))
  for (const {address, nodeSelector} of peers) {
    if (nodes !== null) objects.push(peerFor(site, address, nodes.localAs, nodeSelector))
  }
  const entries = objects.map((object): [string, string] => [objectKey(object), objectText(object, site)])
  return new Map([...entries, ...ipam].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * Disabled, and no node may take from it: it is there so that Calico does not hide pods behind their node towards it
 * (calico-model 5.5 b). Encapsulation is Never: Calico would look for the tunnel's far end among its own nodes, and from
 * v3.33 lose what the gateway announces (5.4). Only where nodes reach the gateway by Calico's own IPIP it is Always, and only
 * for IPv4. `allowedUses` is said, since a pool for load balancers alone exempts from nothing.
 */
function poolFor(
  site: SiteName,
  cidr: Prefix,
  pools: NonNullable<WriteBackConfig['pools']>,
  blockLength: number,
): WrittenObject {
  const isIpv4 = prefixFamily(cidr) === 4
  return {
    kind: 'IPPool',
    name: objectName(site, cidr.replaceAll(/[.:/]/g, '-')),
    namespace: null,
    labels: {[SITE_LABEL]: site},
    spec: {
      cidr,
      vxlanMode: 'Never',
      ipipMode: isIpv4 && pools.encapsulation === 'ipip' ? 'Always' : 'Never',
      natOutgoing: false,
      disabled: true,
      disableBGPExport: !pools.bgpExport,
      // A block larger than its pool is refused by Calico.
      blockSize: Math.max(isIpv4 ? blockLength : 122, prefixLength(cidr)),
      nodeSelector: '!all()',
      allowedUses: ['Workload', 'Tunnel'],
    },
  }
}

function peerFor(site: SiteName, peerIP: Address, asNumber: number, nodeSelector: string): WrittenObject {
  const digest = createHash('sha256')
    .update(JSON.stringify([peerIP, nodeSelector]))
    .digest('hex')
    .slice(0, 16)
  return {
    kind: 'BGPPeer',
    name: objectName(site, `peer-${digest}`),
    namespace: null,
    labels: {[SITE_LABEL]: site},
    spec: {peerIP, asNumber, nodeSelector},
  }
}

/**
 * A gateway as a Node: what nodes take IPIP from, and where Felix sends what is in its blocks. Without `orchRefs`, or
 * kube-controllers would delete it; the cluster id keeps it out of the nodes' mesh (calico-model 5.5 e).
 */
function nodeFor(site: SiteName, address: Address, {localAs, clusterId}: NodeSessions): WrittenObject {
  return {
    kind: 'Node',
    name: gatewayNodeName(site, address),
    namespace: null,
    labels: {[SITE_LABEL]: site},
    spec: {bgp: {ipv4Address: `${address}/32`, asNumber: localAs, routeReflectorClusterID: clusterId ?? address}},
  }
}
