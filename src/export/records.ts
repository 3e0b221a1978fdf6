import type {
  AttributeSet,
  AttributeSetId,
  GatewayConfig,
  Member,
  SiteName,
  TunnelOffer,
  Uplink,
  UplinkRef,
  World,
} from '../model/index.ts'
import {isHostPrefix, type Prefix, prefixAddress} from '../net/index.ts'

export const EXPORT_ROOT = '/isthmus/v1/export/'

/** Format of the records; a larger number only ever says that there is more (decision 0038, docs/reference/export.md). */
const SCHEMA = 1

/**
 * etcd takes requests of 1.5 MiB, and one that it does not take holds up all that are to follow. What is larger goes out as a
 * text that no reader takes for a record.
 */
const LARGEST = 1_000_000

export const isTooLarge = (bytes: number): boolean => bytes > LARGEST

export const tooLargeText = (bytes: number): string => `${bytes} bytes: too large`

/** A counter would need a memory that a pure station has not, and readers take no meaning from it (decision 0032). */
const GENERATION = 1

/**
 * What this site publishes beside its members: few records, made anew when something in them may have changed. Of the
 * gateways only this one: a twin writes its own record.
 *
 * Global documents go out as they are stored, whether the site is an authority or not: that is for each reader to say.
 */
export function siteRecords(
  world: Pick<World, 'sites' | 'documents'>,
  config: GatewayConfig,
  own: {readonly tunnels: ReadonlyMap<UplinkRef, readonly TunnelOffer[]>},
): ReadonlyMap<string, string> {
  const records: [string, string][] = []
  const put = (key: string, value: unknown): void => {
    records.push([EXPORT_ROOT + key, JSON.stringify(value)])
  }
  // Written behind all else and before anything goes: whoever reads `local` finds there all that it speaks of.
  put('meta', {schema: SCHEMA, site: config.site, generation: GENERATION, local: localDatastores(config)})
  const {prefixes, infrastructure} = world.sites.get(config.site) ?? {prefixes: [], infrastructure: []}
  put('site', {as: config.as, prefixes, infrastructure})
  put(`gateways/${config.gateway}`, gatewayValue(config.uplinks, own.tunnels))
  for (const [path, document] of world.documents) records.push([`${EXPORT_ROOT}resources/${path}`, document])
  return new Map(records)
}

/** The Calico datastores whose own policies go out too: all of the site's, where it says so. */
export const localDatastores = ({datastores}: Pick<GatewayConfig, 'datastores'>): string[] =>
  datastores.some((one) => one.export?.localPolicies)
    ? datastores.flatMap(({name, kind}) => (kind === 'calico' ? [name] : []))
    : []

/** What this site publishes but for its own policies, by full key, sorted; of the members all, from nothing. */
export function exportRecords(
  world: World,
  config: GatewayConfig,
  own: {readonly tunnels: ReadonlyMap<UplinkRef, readonly TunnelOffer[]>},
): ReadonlyMap<string, string> {
  const records = new Map(siteRecords(world, config, own))
  for (const [prefix, members] of world.members) {
    for (const member of members) {
      const set = world.attributes.get(member.attributes)
      if (!set || !isPublished(world.local, member, set)) continue
      const key = attributesKey(member.attributes)
      if (!records.has(key)) records.set(key, attributesText(set))
      records.set(endpointKey(prefix, member), endpointText(member))
    }
  }
  return new Map([...records].sort(([a], [b]) => (a < b ? -1 : 1)))
}

export const attributesKey = (id: AttributeSetId): string => `${EXPORT_ROOT}attributes/${id}`

export function endpointKey(prefix: Prefix, {source, attributes}: Member): string {
  return `${EXPORT_ROOT}endpoints/${source.slice('datastore/'.length)}/${keySegment(prefix)}/${attributes}`
}

export const endpointText = ({names}: Member): string => JSON.stringify({n: names})

/** The own site's, but for its grants: these have no object behind them, hence no name. */
export function isPublished(local: SiteName, member: Member, set: AttributeSet): boolean {
  return member.site === local && !(set.kind === 'prefix' && member.names.length === 0)
}

/** An address as it is; a CIDR with its `/` as `-`, since `/` parts keys. */
function keySegment(prefix: Prefix): string {
  return isHostPrefix(prefix) ? prefixAddress(prefix) : prefix.replace('/', '-')
}

/** Labels of a pod and of its namespace may each be as much as etcd takes, and come together here. */
export function attributesText(set: AttributeSet): string {
  const ports = set.ports.map(({name, protocol, port}) => [name, protocol, port])
  const text = JSON.stringify({
    kind: set.kind,
    labels: sortedObject(Object.entries(set.labels)),
    namespace: set.namespace,
    serviceAccount: set.serviceAccount,
    ports: ports.sort((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1)),
  })
  const bytes = Buffer.byteLength(text)
  return isTooLarge(bytes) ? tooLargeText(bytes) : text
}

function gatewayValue(uplinks: readonly Uplink[], tunnels: ReadonlyMap<UplinkRef, readonly TunnelOffer[]>): object {
  return {
    uplinks: uplinks.map(({name, address, public: outside, inner}) => ({
      name,
      address,
      ...(outside === null ? {} : {public: outside}),
      inner: [...inner[4], ...inner[6]],
    })),
    tunnels: sortedObject([...tunnels].map(([ref, offers]) => [ref, offers.map(offerValue)])),
  }
}

function offerValue({
  slot,
  uplink,
  encapsulation,
  publicKey,
  port,
  port6,
  serial,
  leaving,
  also,
  next,
  auto,
}: TunnelOffer): object {
  return {
    slot,
    uplink,
    encapsulation,
    ...(publicKey === null ? {} : {publicKey}),
    ...(port === null ? {} : {port}),
    ...(port6 === null ? {} : {port6}),
    ...(serial === undefined ? {} : {serial}),
    ...(leaving ? {leaving} : {}),
    ...(also === undefined ? {} : {also}),
    ...(next === undefined ? {} : {next}),
    ...(auto === undefined ? {} : {auto}),
  }
}

const sortedObject = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
