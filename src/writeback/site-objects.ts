import {createHash} from 'node:crypto'
import {type GatewayConfig, SITE_LABEL, type SiteName, type WriteBackConfig} from '../model/index.ts'
import {type Address, type Prefix, prefixFamily} from '../net/index.ts'
import {objectKey, objectName, objectText, type WrittenObject} from './objects.ts'

/**
 * The objects that follow from the configuration alone: a disabled IPPool for each prefix that a remote site is granted, and
 * a BGPPeer for each gateway of the own site. So they do not come and go with a remote site's etcd.
 */
export function siteObjects(
  {site, sites, nodes}: Pick<GatewayConfig, 'site' | 'sites' | 'nodes'>,
  {pools, peers}: Pick<WriteBackConfig, 'pools' | 'peers'>,
): ReadonlyMap<string, string> {
  const objects: WrittenObject[] = []
  for (const remote of sites.values()) {
    for (const prefix of remote.owns) if (pools !== null) objects.push(poolFor(remote.name, prefix, pools))
  }
  for (const {address, nodeSelector} of peers) {
    if (nodes !== null) objects.push(peerFor(site, address, nodes.localAs, nodeSelector))
  }
  const entries = objects.map((object): [string, string] => [objectKey(object), objectText(object, site)])
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * Disabled, and no node may take from it: it is there so that Calico does not hide pods behind their node towards it
 * (calico-model 5.5 b). Encapsulation is Never: Calico would look for the tunnel's far end among its own nodes, and from
 * v3.33 lose what the gateway announces (5.4). Only where nodes reach the gateway by Calico's own IPIP it is Always, and only
 * for IPv4. `allowedUses` is said, since a pool for load balancers alone exempts from nothing.
 */
function poolFor(site: SiteName, cidr: Prefix, pools: NonNullable<WriteBackConfig['pools']>): WrittenObject {
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
      blockSize: isIpv4 ? 26 : 122,
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
