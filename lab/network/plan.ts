import type {Scenario, Site} from '../scenario/schema.ts'

/**
 * Where everything of a scenario stands: namespaces, links, addresses. Pure; all from names and their order.
 *
 *     pod ─eth0/cali*─ node ─lan0─┬─ switch ─┬─lan0─ gateway ─wan0/ROUTER side─ router ─ router
 *                      node ─lan0─┘          └─lan0─ gateway
 *
 * Underlay addresses are /32s on the gateways' `lo`, announced by BGP; links between gateways, routers are /31s of
 * 198.18.0.0/15, the range for benchmarks (RFC 2544), which no real network uses.
 */
export interface LabPlan {
  readonly routers: readonly RouterPlan[]
  /** Each site's layer 2: a bridge `lan0` in a namespace of its own, so that it outlives every gateway. */
  readonly switches: readonly SwitchPlan[]
  /** Routers between a site's LAN and its routed nodes. */
  readonly fabrics: readonly FabricPlan[]
  readonly gateways: readonly GatewayPlan[]
  readonly nodes: readonly NodePlan[]
  readonly pods: readonly PodPlan[]
  readonly datastores: readonly DatastorePlan[]
  readonly routerLinks: readonly {readonly ends: readonly [LinkEnd, LinkEnd]}[]
}

export interface SwitchPlan {
  readonly site: string
  readonly namespace: string
}

export interface FabricPlan {
  readonly site: string
  readonly namespace: string
  readonly lan: string
  /** Towards nodes. */
  readonly address: string
  readonly prefix: string
  /** It speaks BGP with the gateways, for the blocks of its nodes; else it knows no pod. */
  readonly speaks: boolean
}

export interface LinkEnd {
  readonly namespace: string
  readonly device: string
  readonly address: string
  readonly address6: string
  readonly as: number
}

export interface RouterPlan {
  readonly name: string
  readonly namespace: string
  readonly engine: 'frr' | 'bird'
  readonly as: number
  readonly routerId: string
  /** The whole of its configuration; null: what follows from the links. */
  readonly config: string | null
  readonly neighbors: readonly {
    readonly name: string
    readonly address: string
    /** null: knows no IPv6. */
    readonly address6: string | null
    readonly as: number
  }[]
}

export interface GatewayPlan {
  readonly site: string
  readonly name: string
  readonly namespace: string
  readonly as: number
  readonly underlay: string
  /** Two a family. */
  readonly inner: readonly string[]
  /** Its second uplink, if it has one. */
  readonly uplink6: {readonly underlay: string; readonly inner: readonly string[]} | null
  readonly wan: {readonly local: string; readonly local6: string; readonly router: LinkEnd; readonly routerName: string}
  readonly lan: string
  readonly lan6: string
  readonly lanPrefix: string
  /** Between it and the nodes is a router that speaks BGP: no address moves, and no LAN is watched. */
  readonly behindRouter: boolean
  /** Of two gateways of a site: the address that nodes send to, and the other one's, which each takes over; else null. */
  readonly virtual: {
    readonly own: string
    readonly other: string
    readonly otherLan: string
    readonly twin: string
    readonly twinNamespace: string
    /** The wire between the two that flow states go by. */
    readonly link: {readonly device: string; readonly own: string; readonly other: string}
  } | null
}

/** An etcd: one process in the site's only gateway, or members with namespaces and addresses of their own on the LAN. */
export interface DatastorePlan {
  /** `SITE/DATASTORE`. */
  readonly ref: string
  readonly site: string
  readonly name: string
  readonly kind: Site['datastores'][string]['kind']
  /** The site's first: it holds the export, and other sites come to it by the first gateway's underlay address. */
  readonly isFirst: boolean
  readonly members: readonly MemberPlan[]
  /** Where the gateway relays to the members, which other sites do not reach. */
  readonly relay: {readonly namespace: string; readonly address: string} | null
}

export interface MemberPlan {
  /** `etcd1`, `etcd2`, … */
  readonly name: string
  readonly namespace: string
  /** Where clients come; the first is where the gateway of the site does. */
  readonly addresses: readonly [string, ...string[]]
  /** Its port of the site's switch; null for one that lives in the gateway's namespace. */
  readonly port: string | null
}

export interface NodePlan {
  readonly site: string
  readonly datastore: string
  readonly name: string
  readonly namespace: string
  readonly address: string
  readonly address6: string
  readonly gateway: string
  readonly gateway6: string
  /** Calico blocks that it announces; empty without Calico. */
  readonly blocks: readonly string[]
  readonly calico: boolean
  /** Behind the site's fabric, and who makes routes there; null: on the LAN. */
  readonly routed: 'felix' | 'bird' | 'router' | null
}

export interface PodPlan {
  readonly ref: string
  readonly site: string
  readonly name: string
  readonly namespace: string
  readonly node: string
  readonly nodeNamespace: string
  readonly address: string
  readonly address6: string | null
  readonly device: string
  readonly ports: readonly number[]
}

interface Ends {
  readonly address: string
  readonly address6: string
}

export const PREFIX = 'il-'

export function planNetwork(scenario: Scenario): LabPlan {
  const routers = Object.entries(scenario.wan.routers)
  let links = 0
  const nextLink = (): [Ends, Ends] => {
    const first = links * 2
    links++
    const end = (number: number): Ends => ({
      address: `198.18.${number >> 8}.${number & 255}`,
      address6: `2001:db8:ffff::${number.toString(16)}`,
    })
    return [end(first), end(first + 1)]
  }

  const hasIpv6 = Object.values(scenario.sites).some(({owns}) => owns.some((prefix) => prefix.includes(':')))
  const gateways: GatewayPlan[] = []
  const nodes: NodePlan[] = []
  const pods: PodPlan[] = []
  const datastores: DatastorePlan[] = []
  for (const [index, [siteName, site]] of Object.entries(scenario.sites).entries()) {
    const number = index + 1
    for (const [g, [name, gateway]] of Object.entries(site.gateways).entries()) {
      const [local, remote] = nextLink()
      const count = gateways.length
      gateways.push({
        site: siteName,
        name,
        namespace: `${PREFIX}${name}`,
        as: site.as,
        underlay: `192.0.2.${count + 1}`,
        inner: [0, 1].flatMap((slot) => [
          `100.64.0.${count * 2 + slot}`,
          ...(hasIpv6 ? [`fd64::${(count * 2 + slot).toString(16)}`] : []),
        ]),
        uplink6: gateway.uplink6
          ? {
              underlay: `2001:db8::${count + 1}`,
              inner: [0, 1].flatMap((slot) => [
                `100.64.1.${count * 2 + slot}`,
                `fd64::1:${(count * 2 + slot).toString(16)}`,
              ]),
            }
          : null,
        wan: {
          local: local.address,
          local6: local.address6,
          routerName: gateway.attach,
          router: {
            namespace: PREFIX + gateway.attach,
            device: `to-${name}`,
            ...remote,
            as: scenario.wan.routers[gateway.attach]!.as,
          },
        },
        lan: `192.168.${number}.${g + 1}`,
        lan6: `fd01:${number}::${g + 1}`,
        lanPrefix: `192.168.${number}.0/24`,
        behindRouter: hasSpeaker(site),
        virtual: virtualOf(number, g, Object.keys(site.gateways)),
      })
    }
    const first = gateways.find((gateway) => gateway.site === siteName)
    if (first) datastores.push(...planDatastores(siteName, site, first, number))
    for (const [n, [name, node]] of Object.entries(site.nodes).entries()) {
      const {datastore = Object.keys(site.datastores)[0]!, routed = null} = node
      const calico = site.datastores[datastore]!.kind === 'calico'
      const own = Object.values(site.pods).filter((pod) => pod.node === name)
      nodes.push({
        site: siteName,
        datastore,
        name,
        namespace: PREFIX + name,
        address: `${routed ? fabricNet(number) : `192.168.${number}`}.${n + 10}`,
        address6: `fd01:${number}::${n + 10}`,
        gateway6: `fd01:${number}::1`,
        gateway: routed ? `${fabricNet(number)}.1` : gatewayOf(number, Object.keys(site.gateways)),
        routed,
        blocks: calico ? [...new Set(own.map((pod) => blockOf(pod.address)))] : [],
        calico,
      })
    }
    for (const [name, pod] of Object.entries(site.pods)) {
      pods.push({
        ref: `${siteName}/${name}`,
        site: siteName,
        name,
        namespace: `${PREFIX}${siteName}-${name}`,
        node: pod.node,
        nodeNamespace: PREFIX + pod.node,
        address: pod.address,
        address6: pod.address6 ?? null,
        device: `cali${siteName}${name}`,
        ports: pod.serve.map((serve) => Number(serve.slice('tcp/'.length))),
      })
    }
  }

  const routerLinks = scenario.wan.links.map(([a, b]): {ends: [LinkEnd, LinkEnd]} => {
    const [left, right] = nextLink()
    const end = (own: string, other: string, addresses: Ends): LinkEnd => ({
      namespace: PREFIX + own,
      device: `to-${other}`,
      ...addresses,
      as: scenario.wan.routers[own]!.as,
    })
    return {ends: [end(a, b, left), end(b, a, right)]}
  })

  return {
    fabrics: Object.entries(scenario.sites).flatMap(([site, {nodes: own}], index) =>
      Object.values(own).some(({routed}) => routed) ? [fabricOf(site, index + 1, hasSpeaker({nodes: own}))] : [],
    ),
    switches: Object.keys(scenario.sites).map((site) => ({site, namespace: `${PREFIX}${site}.lan`})),
    gateways,
    nodes,
    pods,
    datastores,
    routerLinks,
    routers: routers.map(([name, {engine, as, config = null}], index) => ({
      name,
      namespace: PREFIX + name,
      engine,
      as,
      routerId: `198.19.0.${index + 1}`,
      config,
      neighbors: [
        ...gateways
          .filter(({wan}) => wan.routerName === name)
          .map(({name: peer, wan, uplink6, as: theirs}) => {
            return {name: peer, address: wan.local, address6: uplink6 ? wan.local6 : null, as: theirs}
          }),
        ...routerLinks.flatMap(({ends: [left, right]}) =>
          left.namespace === PREFIX + name
            ? [neighborAt(right)]
            : right.namespace === PREFIX + name
              ? [neighborAt(left)]
              : [],
        ),
      ],
    })),
  }
}

const neighborAt = ({namespace, address, address6, as}: LinkEnd) => {
  return {name: namespace.slice(PREFIX.length), address, address6, as}
}

const fabricNet = (number: number): string => `172.20.${number}`

const hasSpeaker = ({nodes}: Pick<Site, 'nodes'>): boolean =>
  Object.values(nodes).some(({routed}) => routed === 'router')

const fabricOf = (site: string, number: number, speaks: boolean): FabricPlan => ({
  ...{site, namespace: `${PREFIX}${site}.fabric`, lan: `192.168.${number}.250`, speaks},
  ...{address: `${fabricNet(number)}.1`, prefix: `${fabricNet(number)}.0/24`},
})

function planDatastores(site: string, {datastores, gateways: all}: Site, gateway: GatewayPlan, number: number) {
  const gateways = Object.keys(all).length
  return Object.entries(datastores).map(([name, {kind, members}], index): DatastorePlan => {
    const isFirst = index === 0
    const atGateway = isFirst && members === 1 && gateways === 1
    const at = (m: number): MemberPlan => ({
      name: `etcd${m}`,
      namespace: `${PREFIX}${site}-${name}-${m}`,
      addresses: [`192.168.${number}.${100 + index * 10 + m}`],
      port: `e-${name}-${m}`,
    })
    const {namespace, underlay} = gateway
    return {
      ...{ref: `${site}/${name}`, site, name, kind, isFirst},
      members: atGateway
        ? [{name: 'etcd1', namespace, addresses: ['127.0.0.1', underlay], port: null}]
        : Array.from({length: members}, (_, m) => at(m + 1)),
      relay: isFirst && !atGateway ? {namespace, address: underlay} : null,
    }
  })
}

/** The virtual addresses of a site with two gateways. */
function virtualOf(site: number, gateway: number, names: readonly string[]): GatewayPlan['virtual'] {
  if (names.length !== 2) return null
  const [own, other] = [gateway, 1 - gateway]
  return {
    own: `192.168.${site}.${201 + own}`,
    other: `192.168.${site}.${201 + other}`,
    otherLan: `192.168.${site}.${other + 1}`,
    twin: names[other]!,
    twinNamespace: PREFIX + names[other]!,
    link: {device: 'ha0', own: `192.168.77.${own + 1}`, other: `192.168.77.${other + 1}`},
  }
}

/** Calico's default block, a /26 around the address. */
export function blockOf(address: string): string {
  const octets = address.split('.').map(Number)
  return `${octets.slice(0, 3).join('.')}.${octets[3]! & 0xc0}/26`
}

/** Where a node without BGP sends everything: the gateway, or the address of the first of two. */
const gatewayOf = (site: number, names: readonly string[]): string =>
  virtualOf(site, 0, names)?.own ?? `192.168.${site}.1`
