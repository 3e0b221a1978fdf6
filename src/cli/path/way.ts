import type {Answer, ApiClient, GatewayStatus, Rows} from '../../api/client.ts'
import {parseAddress} from '../../net/index.ts'
import {meant} from '../nearest.ts'

/** What a site or an address is reached by, as the gateway knows it. */
export interface WayTo {
  readonly here: {readonly site: string; readonly gateway: string}
  /** null: a site was asked for. */
  readonly address: string | null
  readonly site: string | null
  /** Of the address. */
  readonly names: readonly string[]
  readonly tunnels: readonly Rows['tunnels'][]
  readonly gateways: readonly Rows['gateways'][]
  /** In use for the address, or for all that is the site's. */
  readonly routes: readonly Rows['routes'][]
  readonly nodes: readonly Rows['nodes'][]
}

export type FoundWay =
  | {readonly ok: true; readonly way: WayTo}
  | {readonly ok: false; readonly answer: Answer<never>}
  | {readonly ok: false; readonly problem: string}

/** Looks up the way to a site by its name, or to an address. */
export async function wayTo(api: ApiClient, asked: string): Promise<FoundWay> {
  const [status, gateways, nodes] = await Promise.all([api.status(), api.get('gateways', null), api.get('nodes', null)])
  if (!status.ok) return {ok: false, answer: status}
  const address = parseAddress(asked)
  const {site, gateway, sites, tunnels} = status.value
  const found = sites.find(({name}) => name === asked)
  if (address === null && !found) {
    const names = sites.map(({name}) => name)
    const near = meant(asked, names) || `; sites are ${names.join(', ')}`
    return {ok: false, problem: `'${asked}' is neither a site nor an address${near}`}
  }
  const [routes, endpoints] = await Promise.all([
    // Of a site that has tunnels of its own no route need be known.
    tunnels.some((tunnel) => tunnel.site === asked) ? null : api.get('routes', address, {limit: 0}),
    address === null ? null : api.get('endpoints', address),
  ])
  const used = (routes?.ok ? routes.value.items : []).filter(({best}) => best)
  const endpoint = endpoints?.ok ? endpoints.value.items[0] : undefined
  const own = address === null ? used.filter((route) => route.site === asked) : used
  const owner = address === null ? asked : (endpoint?.site ?? own.find((route) => route.site !== null)?.site ?? null)
  return {
    ok: true,
    way: {
      ...{here: {site, gateway}, address, site: owner, names: endpoint?.names ?? [], routes: own},
      tunnels: tunnelsFor(status.value, owner, own),
      gateways: gateways.ok ? gateways.value.items : [],
      nodes: nodes.ok ? nodes.value.items : [],
    },
  }
}

/** Those to the site; those of its hubs where routes lead by them. */
function tunnelsFor(
  {tunnels}: GatewayStatus,
  site: string | null,
  routes: readonly Rows['routes'][],
): readonly Rows['tunnels'][] {
  const devices = new Set(routes.flatMap(({via}) => via.map(({device}) => device)))
  return tunnels.filter((tunnel) => tunnel.site === site || devices.has(tunnel.device))
}

/** `wan b/b1/lte 0` → the outer address of that uplink, as `get gateways` tells it. */
export function farOuter({gateways}: WayTo, {name, site, gateway}: Rows['tunnels']): string | null {
  const uplink = name.split(' ')[1]?.split('/')[2]
  const uplinks = gateways.find((one) => one.name === `${site}/${gateway}`)?.uplinks ?? []
  return uplinks.map((one) => one.split(' ')).find(([own]) => own === uplink)?.[1] ?? null
}

/** Whose an address on the way is: a gateway by its tunnel, a node, what was asked for. */
export function nameOfHop({tunnels, nodes, address, names, gateways}: WayTo, hop: string): string {
  const tunnel = tunnels.find(({peer}) => peer === hop)
  if (tunnel) return `gateway ${tunnel.site}/${tunnel.gateway}, over tunnel ${tunnel.name}`
  if (hop === address) return names.length > 0 ? names.join(', ') : 'the address asked for'
  const node = nodes.find(({addresses}) => addresses.some((one) => one.split('/')[0] === hop))
  if (node) return `node ${node.name}`
  const gateway = gateways.find(({uplinks}) => uplinks.some((one) => one.split(' ')[1] === hop))
  return gateway ? `gateway ${gateway.name}` : 'a router or node that is not known here'
}
