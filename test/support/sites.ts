import {decodeRecord} from '../../src/decode/index.ts'
import type {
  AttributeSet,
  DatastoreName,
  DecodedBatch,
  ExportConfig,
  GatewayConfig,
  GatewayName,
  Member,
  RawRecord,
  SiteName,
  SourceId,
  Tunnel,
  UplinkName,
  World,
} from '../../src/model/index.ts'
import {type Address, type Prefix, parseAddress, parsePrefix} from '../../src/net/index.ts'
import {rawRecord} from './records.ts'
import {LIMITS, LOST_RULE} from './remote-rules.ts'

export {LIMITS, LOST_RULE}

export const site = (name: string): SiteName => name as SiteName
export const prefix = (text: string): Prefix => parsePrefix(text)!
export const address = (text: string): Address => parseAddress(text)!

/** As a configuration that says nothing of it. */
export const EXPORTING: ExportConfig = {
  localPolicies: false,
  removeAfterSeconds: {datastores: 300, gateways: 86_400},
}

/** The configuration of gateway a1 of site a, with remote sites b (10.2/16) and c (10.3/16). */
export function configOf(overrides: Partial<GatewayConfig> = {}): GatewayConfig {
  return {
    site: site('a'),
    gateway: 'a1' as GatewayName,
    twin: null,
    as: 4200000001,
    interconnect: [prefix('100.64.0.0/16')],
    default: 'deny',
    uplinks: [
      {
        name: 'wan' as UplinkName,
        address: address('192.0.2.1'),
        public: null,
        device: null,
        inner: {4: [address('100.64.0.0'), address('100.64.0.1')], 6: []},
      },
    ],
    owns: [prefix('10.1.0.0/16'), prefix('fd00:1::/48')],
    infrastructure: [],
    datastores: [
      {name: 'main' as DatastoreName, kind: 'calico', endpoints: [], tls: null, user: null, export: EXPORTING},
      {name: 'second' as DatastoreName, kind: 'calico', endpoints: [], tls: null, user: null, export: null},
    ],
    sites: new Map([remote('b', '10.2.0.0/16'), remote('c', '10.3.0.0/16')]),
    unconnected: [],
    transit: [],
    authorities: [site('a')],
    peers: [],
    nodes: null,
    static: [],
    metrics: null,
    paths: {state: '/var/lib/isthmus', run: '/run/isthmus', birdConfig: '/etc/bird.conf', birdSocket: '/run/bird.ctl'},
    stagedPackets: 'exact',
    fastPath: true,
    fouPorts: {4: 5555, 6: 5556},
    lab: false,
    ...overrides,
  }
}

/** The defaults. */
export function remote(
  name: string,
  ...owns: string[]
): [SiteName, ReturnType<GatewayConfig['sites']['get']> & object] {
  return [
    site(name),
    {
      name: site(name),
      owns: owns.map(prefix),
      translations: [],
      endpoints: [],
      tls: null,
      user: null,
      encapsulation: 'ipip',
      via: [],
      encrypted: false,
      plainUntilEncrypted: false,
      bfd: 'private',
      holdDown: true,
      lost: LOST_RULE,
      limits: LIMITS,
    },
  ]
}

/** The tunnel from gateway a1 to the first gateway of another site, by its device. */
export const tunnelTo = (name: string, device: string): Tunnel => ({
  id: `wan ${name}/${name}1/wan 0`,
  remote: `${name}/${name}1/wan`,
  site: site(name),
  gateway: `${name}1`,
  localUplink: 'wan',
  slot: 0,
  encapsulation: 'ipip',
  device,
  local: '100.64.0.0',
  peer: '100.64.0.2',
  session: `tun_${name}`,
})

export const CALICO = '/calico/resources/v3/projectcalico.org/'
export const ISTHMUS = '/isthmus/v1/resources/projectcalico.org/'
export const EXPORT = '/isthmus/v1/export/'

/** A pod's WorkloadEndpoint as Calico writes it. */
export function podRecord(
  name: string,
  ip: string,
  more: {labels?: object; profiles?: string[]; revision?: number; serviceAccount?: string; annotations?: object} = {},
): RawRecord {
  const key = `${CALICO}workloadendpoints/shop/n1-k8s-${name.replaceAll('-', '--')}-eth0`
  const labels = {'projectcalico.org/namespace': 'shop', 'projectcalico.org/orchestrator': 'k8s', ...more.labels}
  return rawRecord(
    key,
    {
      kind: 'WorkloadEndpoint',
      metadata: {labels, annotations: more.annotations ?? {}},
      spec: {
        interfaceName: 'cali1',
        ipNetworks: [`${ip}/${ip.includes(':') ? 128 : 32}`],
        profiles: more.profiles ?? [],
        ...(more.serviceAccount ? {serviceAccountName: more.serviceAccount} : {}),
      },
    },
    more.revision ?? 1,
  )
}

export const profileRecord = (name: string, labelsToApply: object, revision = 1): RawRecord =>
  rawRecord(`${CALICO}profiles/${name}`, {spec: {labelsToApply}}, revision)

export function listOf(source: SourceId, records: readonly RawRecord[], revision = 10): DecodedBatch {
  const upserts = records.map((record) => decodeRecord(record, source.replace('/', ' ')))
  return {source, type: 'list', revision, clusterId: 'c1', upserts, deletes: []}
}

export function changesOf(
  source: SourceId,
  records: readonly RawRecord[],
  deletes: readonly string[] = [],
  revision = 20,
): DecodedBatch {
  return {...listOf(source, records, revision), type: 'changes', deletes}
}

/** The members at one prefix with their attribute sets. */
export function membersAt(world: World, text: string): (Member & {set: AttributeSet})[] {
  const members = world.members.get(text as Prefix) ?? []
  return members.map((member) => ({...member, set: world.attributes.get(member.attributes)!}))
}

/** Everything of a World as plain data in one order, for comparing two of them. */
export function plainWorld(world: World): unknown {
  const {memberRevision: _, sources: __, ...rest} = world
  const entries = <K extends string, V>(map: ReadonlyMap<K, V>): [K, V][] =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    ...rest,
    members: entries(world.members),
    attributes: entries(world.attributes),
    sites: entries(world.sites),
    documents: entries(world.documents),
    refused: entries(world.refused),
  }
}
