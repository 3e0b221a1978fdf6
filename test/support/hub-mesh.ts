import type {
  Encapsulation,
  GatewayConfig,
  GatewayName,
  GatewayRecord,
  RemoteSite,
  SiteName,
  SiteView,
  UplinkName,
  WgPublicKey,
} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {type PlannedTunnels, planTunnels} from '../../src/tunnels/index.ts'
import {configOf as plainConfig} from './interconnect.ts'
import {LIMITS, LOST_RULE} from './sites.ts'

/**
 * A large interconnect of two gateways a site: the first sites are hubs, each with a tunnel to each other; all others
 * have tunnels to two hubs and reach everybody else through these.
 */
export interface HubMesh {
  readonly sites: readonly MeshSite[]
  readonly hubs: number
}

export interface MeshSite {
  readonly name: SiteName
  readonly number: number
  readonly as: number
  readonly owns: Prefix
  /** The hubs that it has tunnels to; none: it is one. */
  readonly homes: readonly SiteName[]
  /** It is on the internet: its tunnels encrypt, and so must all of its ways to others on the internet. */
  readonly internet: boolean
}

export const GATEWAYS = [1, 2] as const

export function hubMesh(count: number, hubs: number): HubMesh {
  const name = (number: number): SiteName => `s${number}` as SiteName
  const sites = Array.from({length: count}, (_, number): MeshSite => {
    const home = number % hubs
    return {
      ...{name: name(number), number, as: 4200000000 + number},
      owns: `10.${number >> 8}.${number & 255}.0/24` as Prefix,
      homes: number < hubs ? [] : [name(home), name((home + 1) % hubs)],
      internet: number % 3 === 0,
    }
  })
  return {sites, hubs}
}

const isHub = ({homes}: MeshSite): boolean => homes.length === 0

/** What the tunnel between two sites is, from either end; null: there is none. */
export function meshTunnel(a: MeshSite, b: MeshSite): Encapsulation | null {
  if (a === b) return null
  // So many trunks do not encrypt that some pairs have but one way that does, and some have none.
  if (isHub(a) && isHub(b)) return (a.number + b.number) % 5 < 3 ? 'ipip' : 'wireguard'
  if (!a.homes.includes(b.name) && !b.homes.includes(a.name)) return null
  const spoke = isHub(a) ? b : a
  return spoke.internet ? 'wireguard' : 'ipip'
}

/** Both ends ask for it. */
export const mustEncrypt = (a: MeshSite, b: MeshSite): boolean => a.internet && b.internet && !isHub(a) && !isHub(b)

const uplinksOf = ({number}: MeshSite, gateway: number) => {
  const index = number * 4 + gateway * 2
  const address = (network: string, at: number) => `${network}.${at >> 8}.${at & 255}` as Address
  return [
    {
      ...{name: 'wan' as UplinkName, address: address('172.16', index), public: null},
      inner: {4: [address('100.64', index), address('100.64', index + 1)], 6: []},
    },
  ]
}

export function meshConfig(mesh: HubMesh, site: MeshSite, gateway: number): GatewayConfig {
  const remote = (other: MeshSite): RemoteSite => {
    const encapsulation = meshTunnel(site, other)
    return {
      ...{name: other.name, owns: [other.owns], translations: [], endpoints: [], tls: null, user: null},
      encapsulation: encapsulation ?? 'ipip',
      via: encapsulation !== null ? [] : isHub(site) ? other.homes : site.homes,
      encrypted: mustEncrypt(site, other),
      ...{plainUntilEncrypted: false, bfd: 'private', holdDown: true, lost: LOST_RULE, limits: LIMITS},
    }
  }
  const others = mesh.sites.filter((other) => other !== site)
  return {
    ...plainConfig({sites: [{name: site.name, number: 1}]}, site.name),
    gateway: `${site.name}-${gateway}` as GatewayName,
    twin: `${site.name}-${3 - gateway}` as GatewayName,
    as: site.as,
    owns: [site.owns],
    uplinks: uplinksOf(site, gateway).map((uplink) => ({...uplink, device: null})),
    sites: new Map(others.map((other) => [other.name, remote(other)])),
    transit: isHub(site) ? others.map(({name}) => name) : [],
    static: [{prefix: site.owns, via: '192.168.9.7' as Address, labels: {}}],
  }
}

/** Every gateway's tunnels, with the views of all sites that they follow from. */
export function planMesh(mesh: HubMesh): {views: ReadonlyMap<SiteName, SiteView>; plans: Map<string, PlannedTunnels>} {
  const round = (views: ReadonlyMap<SiteName, SiteView>): Map<string, PlannedTunnels> => {
    const plans = new Map<string, PlannedTunnels>()
    for (const site of mesh.sites) {
      for (const gateway of GATEWAYS) {
        const config = meshConfig(mesh, site, gateway)
        const {wantedKeys} = planTunnels({config, sites: views, keys: new Map()})
        const key = {publicKey: `${'A'.repeat(43)}=` as WgPublicKey, keyFile: '/s/key', port: 51820}
        plans.set(config.gateway, planTunnels({config, sites: views, keys: new Map(wantedKeys.map((d) => [d, key]))}))
      }
    }
    return plans
  }
  const offers = round(viewsOf(mesh, new Map()))
  const views = viewsOf(mesh, offers)
  return {views, plans: round(views)}
}

function viewsOf({sites}: HubMesh, plans: ReadonlyMap<string, PlannedTunnels>): Map<SiteName, SiteView> {
  return new Map(
    sites.map((site) => {
      const gateways = GATEWAYS.map((gateway): GatewayRecord => {
        const name = `${site.name}-${gateway}` as GatewayName
        return {name, uplinks: uplinksOf(site, gateway), tunnels: plans.get(name)?.offers ?? new Map()}
      })
      const owned = {granted: [site.owns], prefixes: [site.owns], infrastructure: [], translations: []}
      return [site.name, {name: site.name, as: site.as, ...owned, gateways, presence: 'open'}]
    }),
  )
}
