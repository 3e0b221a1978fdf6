import {join} from 'node:path'
import {stringify} from 'yaml'
import type {GatewayPlan, LabPlan} from '../network/plan.ts'
import type {Scenario} from '../scenario/schema.ts'
import type {Certificates, ClientName} from './certificates.ts'

export interface GatewayFiles {
  /** The gateway's own directory: configuration, state, sockets, logs. */
  readonly dir: string
  readonly certificates: Certificates
}

const nodesOf = ({virtual, lan, behindRouter}: GatewayPlan, isRouted: boolean) => ({
  ...{session: 'ibgp', localAs: 64512},
  ...(virtual && !behindRouter ? {nextHop: virtual.own} : {}),
  ...(isRouted ? {ipip: {address: lan, shared: virtual ? [virtual.own, virtual.other] : []}} : {}),
})

const lanOf = ({site, lan, virtual}: GatewayPlan, plan: LabPlan) => ({
  ...{device: 'lan0', address: lan, twin: virtual!.otherLan},
  watch: plan.nodes.filter((node) => node.site === site && !node.routed).map(({address}) => address),
})

/** What a Calico is told for its nodes behind a router; its gateways must have been named to it. */
const writeBackOf = (gateways: readonly GatewayPlan[]) => {
  const addresses = gateways.flatMap(({lan, virtual}) => [lan, ...(virtual ? [virtual.own] : [])])
  return {pools: {encapsulation: 'ipip'}, gateways: {addresses, blocks: gateways[0]!.virtual?.own ?? addresses[0]}}
}

/** gateway.yaml of one gateway, derived from the scenario; `config` of the scenario lies over it, key by key. Pure. */
export function gatewayYaml(gateway: GatewayPlan, scenario: Scenario, plan: LabPlan, files: GatewayFiles): string {
  const site = scenario.sites[gateway.site]!
  const tls = (client: ClientName) => ({ca: files.certificates.ca, ...files.certificates.client(client)})
  const remotes = Object.entries(scenario.sites).flatMap(([name, remote]) => {
    const pair = scenario.pairs.find(({between}) => between.includes(gateway.site) && between.includes(name))
    if (name === gateway.site || !pair) return []
    const endpoints = plan.gateways
      .filter((other) => other.site === name)
      .map(({underlay}) => `https://${underlay}:2379`)
    return [
      [
        name,
        {
          ...{owns: remote.owns, translate: site.translate[name] ?? []},
          ...{endpoints, tls: tls('isthmus-remote'), bfd: pair.bfd, holdDown: pair.holdDown},
          ...(pair.via ? {via: pair.via, encrypted: pair.encrypted} : {encapsulation: pair.encapsulation}),
        },
      ] as const,
    ]
  })
  const isRouted = (name: string): boolean => plan.fabrics.some(({site: own, speaks}) => own === name && !speaks)
  const datastores = plan.datastores
    .filter((datastore) => datastore.site === gateway.site)
    .map(({name, kind, isFirst, members}) => ({
      ...{name, kind, endpoints: members.map(({addresses: [address]}) => `https://${address}:2379`)},
      tls: tls('isthmus'),
      ...(isFirst ? {export: {localPolicies: site.datastores[name]!.localPolicies}} : {}),
      ...(kind === 'calico' && isRouted(gateway.site)
        ? {writeBack: writeBackOf(plan.gateways.filter((one) => one.site === gateway.site))}
        : {}),
    }))
  const via = (node: string, prefix: string): string => {
    const {address, address6} = plan.nodes.find((other) => other.name === node)!
    return prefix.includes(':') ? address6 : address
  }
  const {uplink6} = gateway
  return stringify({
    version: 1,
    site: gateway.site,
    gateway: gateway.name,
    as: gateway.as,
    interconnect: ['100.64.0.0/16', ...(gateway.inner.some((address) => address.includes(':')) ? ['fd64::/64'] : [])],
    default: scenario.default,
    uplinks: [
      {name: 'wan', address: gateway.underlay, device: 'wan0', inner: gateway.inner},
      ...(uplink6 ? [{name: 'wan6', address: uplink6.underlay, device: 'wan0', inner: uplink6.inner}] : []),
    ],
    owns: site.owns,
    infrastructure: [gateway.lanPrefix],
    datastores,
    sites: Object.fromEntries(remotes),
    authorities: [scenario.authority],
    peers: [
      {
        name: gateway.wan.routerName,
        address: gateway.wan.router.address,
        as: gateway.wan.router.as,
        import: ['192.0.2.0/24', '198.18.0.0/16'],
        export: [`${gateway.underlay}/32`],
      },
      ...(uplink6
        ? [
            {
              ...{name: `${gateway.wan.routerName}-6`, address: gateway.wan.router.address6},
              as: gateway.wan.router.as,
              import: ['2001:db8::/64', '2001:db8:ffff::/64'],
              export: [`${uplink6.underlay}/128`],
            },
          ]
        : []),
    ],
    ...(gateway.virtual ? {twin: gateway.virtual.twin} : {}),
    ...(gateway.virtual && !gateway.behindRouter ? {lan: lanOf(gateway, plan)} : {}),
    ...(datastores.some(({kind}) => kind === 'calico') ? {nodes: nodesOf(gateway, isRouted(gateway.site))} : {}),
    static: site.static.map(({prefix, node, labels}) => ({prefix, via: via(node, prefix), labels})),
    metrics: {listen: '127.0.0.1:9633'},
    paths: {
      state: join(files.dir, 'state'),
      run: files.dir,
      birdConfig: join(files.dir, 'bird.conf'),
      birdSocket: join(files.dir, 'bird.ctl'),
    },
    lab: true,
    ...site.gateways[gateway.name]!.config,
  })
}
