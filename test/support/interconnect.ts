import {createHash} from 'node:crypto'
import type {
  CalicoNode,
  Encapsulation,
  GatewayConfig,
  GatewayName,
  GatewayRecord,
  LocalUplink,
  RemoteSite,
  SiteName,
  SiteView,
  UplinkName,
  WgPublicKey,
  World,
} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {type PlannedTunnels, planTunnels, type TunnelKey} from '../../src/tunnels/index.ts'
import {LIMITS, LOST_RULE} from './remote-rules.ts'

/** A site of an interconnect that exists only in a test: one gateway, `N1`, with a number that gives its addresses. */
export interface SketchSite {
  readonly name: string
  readonly number: number
  readonly uplinks?: readonly string[]
  readonly owns?: readonly string[]
  /** Its uplinks have inner addresses of these families; IPv4 unless said. */
  readonly inner?: readonly (4 | 6)[]
  /** Names of uplinks that are over IPv6. */
  readonly over6?: readonly string[]
}

export interface Sketch {
  readonly sites: readonly SketchSite[]
  /** By the two names in order, `a b`; `ipip` where nothing is said. */
  readonly pairs?: Readonly<Record<string, Encapsulation | 'auto'>>
}

export const pairKey = (a: string, b: string): string => [a, b].sort().join(' ')

const ownsOf = (site: SketchSite): Prefix[] => (site.owns ?? [`10.${site.number}.0.0/16`]) as Prefix[]

const slotsOf = ({inner = [4]}: SketchSite, family: 4 | 6): number[] => (inner.includes(family) ? [0, 1] : [])

export function uplinksOf(site: SketchSite): LocalUplink[] {
  return (site.uplinks ?? ['wan']).map((name, index) => ({
    name: name as UplinkName,
    address: (site.over6?.includes(name)
      ? `2001:db8::${(site.number * 8 + index).toString(16)}`
      : `192.0.2.${site.number * 8 + index}`) as Address,
    public: null,
    device: null,
    inner: {
      4: slotsOf(site, 4).map((slot) => `100.64.${site.number}.${index * 2 + slot}` as Address),
      6: slotsOf(site, 6).map((slot) => `fd64::${site.number}:${index * 2 + slot}` as Address),
    },
  }))
}

export function configOf(sketch: Sketch, name: string, overrides: Partial<GatewayConfig> = {}): GatewayConfig {
  const site = sketch.sites.find((entry) => entry.name === name)!
  const remotes = sketch.sites.filter((entry) => entry.name !== name)
  return {
    site: name as SiteName,
    gateway: `${name}1` as GatewayName,
    as: 4200000000 + site.number,
    interconnect: ['100.64.0.0/16' as Prefix],
    default: 'deny',
    stagedPackets: 'exact',
    fastPath: true,
    uplinks: uplinksOf(site),
    fouPorts: {4: 5555, 6: 5556},
    owns: ownsOf(site),
    infrastructure: [],
    datastores: [],
    sites: new Map(
      remotes.map((remote): [SiteName, RemoteSite] => [
        remote.name as SiteName,
        {
          name: remote.name as SiteName,
          owns: ownsOf(remote),
          translations: [],
          endpoints: [],
          tls: null,
          user: null,
          encapsulation: sketch.pairs?.[pairKey(name, remote.name)] ?? 'ipip',
          via: [],
          encrypted: false,
          plainUntilEncrypted: false,
          bfd: 'private',
          holdDown: true,
          lost: LOST_RULE,
          limits: LIMITS,
        },
      ]),
    ),
    unconnected: [],
    transit: [],
    authorities: [],
    peers: [],
    nodes: null,
    twin: null,
    static: [],
    metrics: null,
    paths: {state: '/s', run: '/r', birdConfig: '/b.conf', birdSocket: '/b.ctl'},
    lab: true,
    ...overrides,
  }
}

/** Whatever keys the plan asks for; the content does not matter, only that both ends know the same. */
function withKeys(config: GatewayConfig, sites: ReadonlyMap<SiteName, SiteView>): PlannedTunnels {
  const {wantedKeys} = planTunnels({config, sites, keys: new Map()})
  const keys = new Map(wantedKeys.map((device) => [device, testKey(config, device)]))
  return planTunnels({config, sites, keys})
}

export function testKey(config: GatewayConfig, device: string): TunnelKey {
  const text = createHash('sha256').update(`${config.site} ${device}`).digest('base64').slice(0, 42)
  return {publicKey: `${text}A=` as WgPublicKey, keyFile: `/s/keys/${device}`, port: 51820}
}

export function viewOf(sketch: Sketch, name: string, offers: GatewayRecord['tunnels'] = new Map()): SiteView {
  const site = sketch.sites.find((entry) => entry.name === name)!
  return {
    name: name as SiteName,
    as: 4200000000 + site.number,
    granted: ownsOf(site),
    prefixes: ownsOf(site),
    infrastructure: [],
    translations: [],
    gateways: [{name: `${name}1` as GatewayName, uplinks: uplinksOf(site), tunnels: offers}],
    presence: 'open',
  }
}

/** Every site's plan after two rounds: the first tells the offers, the second sees the others'. */
export function planAll(
  sketch: Sketch,
  configs: ReadonlyMap<string, GatewayConfig> = new Map(
    sketch.sites.map(({name}) => [name, configOf(sketch, name)] as const),
  ),
): Map<string, {config: GatewayConfig; sites: ReadonlyMap<SiteName, SiteView>; plan: PlannedTunnels}> {
  const round = (views: ReadonlyMap<SiteName, SiteView>) =>
    new Map(
      [...configs].map(([name, config]) => {
        return [name, {config, sites: views, plan: withKeys(config, views)}]
      }),
    )
  const quiet = new Map(sketch.sites.map(({name}) => [name as SiteName, viewOf(sketch, name)]))
  const first = round(quiet)
  return round(
    new Map(sketch.sites.map(({name}) => [name as SiteName, viewOf(sketch, name, first.get(name)!.plan.offers)])),
  )
}

/** What routing reads of a World. */
export const worldOf = (
  sites: ReadonlyMap<SiteName, SiteView>,
  nodes: readonly CalicoNode[] = [],
  blocks: World['blocks'] = [],
): Pick<World, 'sites' | 'nodes' | 'blocks'> => ({sites, nodes, blocks})

export function nodeOf(name: string, address: string | null, as: number | null = null): CalicoNode {
  return {
    kind: 'Node',
    meta: {name, namespace: null, labels: {}, annotations: {}},
    addresses: address === null ? [] : [{address: address as Address, length: 24}],
    as,
    bgp: true,
  }
}
