import type {
  GatewayConfig,
  LocalUplink,
  LostRule,
  PasswordUser,
  RemoteLimits,
  RemoteSite,
  SiteName,
  SiteOverlap,
  TlsFiles,
} from '../model/index.ts'
import {type Address, type Family, familyOf, prefixContains, prefixContainsAddress} from '../net/index.ts'
import type {Path} from '../yaml/index.ts'
import {checkApi, toApi} from './api.ts'
import {checkNodes, toNodes} from './nodes.ts'
import {checkPeers, toWanPeer} from './peers.ts'
import {conflict, type Problem} from './problem.ts'
import {checkRouteTable, toRouteTable} from './route-table.ts'
import type {GatewayYaml} from './schema.ts'
import {checkOverlaps, checkOwnPrefixes, checkTranslations, seenOwns, translationsOf} from './site-prefixes.ts'
import {checkTls} from './tls.ts'
import {checkTransit} from './transit.ts'
import {checkUplinkWays, toUplinkWay} from './uplink-ways.ts'
import {checkWriteBack, toWriteBack} from './write-back.ts'

/** What the shape cannot say: references that must resolve, ranges that must hold, prefixes that must not overlap. */
export function checkMeaning(yaml: GatewayYaml, overlaps: readonly SiteOverlap[]): Problem[] {
  return [
    ...checkTwin(yaml),
    ...checkLan(yaml),
    ...checkRouteTable(yaml.routeTable, yaml.twin),
    ...checkNodes(yaml),
    ...checkUplinks(yaml),
    ...checkUplinkWays(yaml),
    ...checkFou(yaml),
    ...checkKeys(yaml),
    ...checkOwnPrefixes(yaml),
    ...checkTranslations(yaml),
    ...checkOverlaps(yaml, overlaps),
    ...checkStatics(yaml),
    ...checkDatastores(yaml),
    ...checkSites(yaml),
    ...checkTransit(yaml),
    ...checkPeers(yaml),
    ...checkWriteBack(yaml),
    ...checkApi(yaml.api),
  ]
}

function* duplicates<T>(items: readonly T[]): Generator<[index: number, item: T]> {
  const seen = new Set<T>()
  for (const [index, item] of items.entries()) {
    if (seen.has(item)) yield [index, item]
    seen.add(item)
  }
}

function* checkTwin(yaml: GatewayYaml): Generator<Problem> {
  if (yaml.twin === yaml.gateway) {
    yield conflict(['twin'], `${yaml.twin} is this gateway itself`, "name the site's other gateway")
  }
}

function* checkLan({lan, twin, uplinks}: GatewayYaml): Generator<Problem> {
  if (lan === undefined) return
  if (twin === undefined)
    yield conflict(['lan'], 'lan, but no twin', "name the site's other gateway as `twin`, or leave it out")
  const ends = [
    [['lan', 'address'], lan.address],
    [['lan', 'twin'], lan.twin],
    ...lan.watch.map((address, index) => [['lan', 'watch', index], address] as const),
  ] as const
  for (const [path, address] of ends) {
    if (familyOf(address) !== 4)
      yield conflict([...path], `${address} is no IPv4 address`, 'the LAN is watched over IPv4')
  }
  for (const [path, address] of ends.slice(1)) {
    const isOwn = address === lan.address || uplinks.some((uplink) => uplink.address === address)
    if (isOwn) yield conflict([...path], `${address} is this gateway's own`, 'name the address of another')
  }
  for (const [index, address] of duplicates([lan.twin, ...lan.watch])) {
    yield conflict(['lan', 'watch', index - 1], `${address} is named twice`)
  }
}

function* checkUplinks(yaml: GatewayYaml): Generator<Problem> {
  for (const [index, name] of duplicates(yaml.uplinks.map((uplink) => uplink.name))) {
    yield conflict(['uplinks', index, 'name'], `a second uplink is named ${name}`)
  }
  for (const [index, address] of duplicates(yaml.uplinks.map((uplink) => uplink.address))) {
    yield conflict(['uplinks', index, 'address'], `a second uplink is at ${address}`, 'an address of its own')
  }
  const inner = yaml.uplinks.flatMap((uplink, u) =>
    uplink.inner.map((address, i) => ({address, path: ['uplinks', u, 'inner', i]})),
  )
  for (const {address, path} of inner) {
    if (!yaml.interconnect.some((prefix) => prefixContainsAddress(prefix, address))) {
      yield conflict(path, `inner address ${address} is outside interconnect ${yaml.interconnect.join(', ')}`)
    }
  }
  for (const [index, address] of duplicates(inner.map((entry) => entry.address))) {
    yield conflict(inner[index]!.path, `inner address ${address} is given twice`, 'each tunnel slot needs its own')
  }
  for (const [index, uplink] of yaml.uplinks.entries()) {
    for (const family of [4, 6] as const) {
      const count = uplink.inner.filter((address) => familyOf(address) === family).length
      if (count !== 0 && count !== 2) {
        yield conflict(['uplinks', index, 'inner'], `${count} inner IPv${family} address(es)`, 'give a pair a family')
      }
    }
  }
}

/** WireGuard's ports are given one by one from its customary port on (`store/keys.ts`). */
const WIREGUARD_PORTS = {first: 51_820, last: 51_999}

function* checkFou({fou}: GatewayYaml): Generator<Problem> {
  for (const key of ['port', 'port6'] as const) {
    if (fou[key] < WIREGUARD_PORTS.first || fou[key] > WIREGUARD_PORTS.last) continue
    const range = `${WIREGUARD_PORTS.first} to ${WIREGUARD_PORTS.last}`
    yield conflict(['fou', key], `${fou[key]} is one of WireGuard's, ${range}`, 'any other free UDP port')
  }
  if (fou.port === fou.port6) {
    yield conflict(['fou', 'port6'], `${fou.port6} is port as well`, 'IPv4 and IPv6 inside need a port each')
  }
}

/** Of all that follows a key (both ends' looks, sessions, routes) nothing may be late. */
const LEAST_KEY_AGE_MS = 600_000

function* checkKeys({keys: {rotateAfter}}: GatewayYaml): Generator<Problem> {
  if (rotateAfter === undefined || rotateAfter >= LEAST_KEY_AGE_MS) return
  yield conflict(['keys', 'rotateAfter'], `${rotateAfter / 1000} s is less than ten minutes`, 'hours or days, as 30d')
}

function* checkStatics(yaml: GatewayYaml): Generator<Problem> {
  for (const [index, entry] of yaml.static.entries()) {
    if (!yaml.owns.some((owned) => prefixContains(owned, entry.prefix))) {
      yield conflict(['static', index, 'prefix'], `${entry.prefix} is in none of owns: ${yaml.owns.join(', ')}`)
    }
    if (familyOf(entry.via) !== (entry.prefix.includes(':') ? 6 : 4)) {
      yield conflict(['static', index, 'via'], `next hop ${entry.via} is of another family than ${entry.prefix}`)
    }
  }
}

function* checkDatastores(yaml: GatewayYaml): Generator<Problem> {
  for (const [index, name] of duplicates(yaml.datastores.map((datastore) => datastore.name))) {
    yield conflict(['datastores', index, 'name'], `a second datastore is named ${name}`)
  }
  const exporting = yaml.datastores.filter((datastore) => datastore.export)
  if (exporting.length !== 1) {
    yield conflict(
      ['datastores'],
      exporting.length === 0 ? 'no datastore holds the export' : `${exporting.length} datastores hold the export`,
      'exactly one needs `export: {}`',
    )
  }
  for (const [index, datastore] of yaml.datastores.entries()) {
    const path = ['datastores', index]
    if (datastore.kind !== 'file') yield* checkTls(datastore, path)
    for (const {key, file} of DATASTORE_KEYS) {
      const isFile = datastore.kind === 'file'
      if (datastore[key] !== undefined && file !== isFile) {
        const remedy = isFile ? 'a file has only name, kind and path' : '`path` is of kind: file'
        yield conflict([...path, key], `a datastore of kind ${datastore.kind} has no ${key}`, remedy)
      }
    }
    if (datastore.kind === 'file' && datastore.path === undefined) {
      yield conflict(path, 'a datastore of kind file needs path', 'add `path: /etc/isthmus/FILE.yaml` (or .jsonl)')
    }
    if (datastore.kind !== 'file' && datastore.endpoints === undefined) {
      yield conflict(path, `a datastore of kind ${datastore.kind} needs endpoints`, 'add `endpoints: [https://…:2379]`')
    }
  }
}

/** What only a datastore in etcd has, and only a file. */
const DATASTORE_KEYS = [
  {key: 'endpoints', file: false},
  {key: 'tls', file: false},
  {key: 'user', file: false},
  {key: 'insecure', file: false},
  {key: 'export', file: false},
  {key: 'path', file: true},
] as const

function* checkSites(yaml: GatewayYaml): Generator<Problem> {
  const known = new Set<string>([yaml.site, ...Object.keys(yaml.sites)])
  if (yaml.site in yaml.sites) {
    yield conflict(['sites', yaml.site], `${yaml.site} is this gateway's own site`, 'name only remote sites here')
  }
  for (const [index, site] of yaml.authorities.entries()) {
    if (!known.has(site)) {
      yield conflict(['authorities', index], `no site ${site}`, `known: ${[...known].join(', ')}`)
    }
  }
  for (const [index, site] of duplicates(yaml.authorities)) {
    yield conflict(['authorities', index], `${site} is named twice`)
  }
  for (const [site, remote] of Object.entries(yaml.sites)) {
    yield* checkTls(remote, ['sites', site])
    yield* checkLost(remote, ['sites', site, 'lost'])
    yield* checkForget(yaml, site as SiteName)
    if (remote.plainUntilEncrypted && (remote.encapsulation !== 'wireguard' || remote.encrypted)) {
      const why = remote.encrypted ? '`encrypted: true` forbids it' : `${remote.encapsulation} does not encrypt either`
      yield conflict(['sites', site, 'plainUntilEncrypted'], why, 'it goes with `encapsulation: wireguard` alone')
    }
    if (remote.encapsulation === 'vxlan' && !yaml.lab) {
      yield conflict(['sites', site, 'encapsulation'], 'not an encapsulation', 'ipip, fou, wireguard, auto or none')
    }
  }
}

/** Each time is counted from the last word, so a later state cannot come before an earlier one. */
function* checkLost({lost}: GatewayYaml['sites'][SiteName], path: Path): Generator<Problem> {
  const order = ['suspectAfter', 'staleAfter', 'after'] as const
  for (const [index, key] of order.entries()) {
    const before = order[index - 1]
    if (before === undefined || lost[key] > lost[before]) continue
    yield conflict([...path, key], `${key} (${lost[key] / 1000} s) is not after ${before} (${lost[before] / 1000} s)`)
  }
}

/** What is forgotten is gone for good; of an authority that would be what it denies to others. */
function* checkForget({sites, authorities}: GatewayYaml, site: SiteName): Generator<Problem> {
  const {forgetAfter, then: action} = sites[site]!.lost
  const path = ['sites', site, 'lost', 'forgetAfter']
  if (forgetAfter === undefined) return
  if (action === 'hold') yield conflict(path, 'a site that is held is never withdrawn', 'withdraw or deny as `then`')
  if (authorities.includes(site)) {
    const detail = `${site} is an authority: its policies decide about the flows of others, and would be forgotten too`
    yield conflict(path, detail, `take it out, or ${site} out of authorities`)
  }
}

const toLimits = ({keys, attributeSets, mebibytes}: GatewayYaml['sites'][SiteName]['limits']): RemoteLimits => ({
  keys,
  attributeSets,
  bytes: mebibytes * 2 ** 20,
})

const toLost = (lost: GatewayYaml['sites'][SiteName]['lost']): LostRule => ({
  suspectAfterMs: lost.suspectAfter,
  staleAfterMs: lost.staleAfter,
  afterMs: lost.after,
  action: lost.then,
  forgetAfterMs: lost.forgetAfter ?? null,
})

/** Shape to model; only called when nothing is wrong that refuses the whole. */
export function toGatewayConfig(yaml: GatewayYaml, unconnected: readonly SiteOverlap[]): GatewayConfig {
  const leftOut = new Set<string>(unconnected.map(({site}) => site))
  return {
    site: yaml.site,
    gateway: yaml.gateway,
    twin: yaml.twin ?? null,
    lan: yaml.lan ?? null,
    as: yaml.as,
    interconnect: yaml.interconnect,
    default: yaml.default,
    stagedPackets: yaml.staged.packets,
    fastPath: yaml.fastPath,
    uplinks: yaml.uplinks.map(toUplink),
    fouPorts: {4: yaml.fou.port, 6: yaml.fou.port6},
    ...(yaml.keys.rotateAfter === undefined ? {} : {rotateKeysAfterMs: yaml.keys.rotateAfter}),
    owns: yaml.owns,
    infrastructure: yaml.infrastructure,
    datastores: yaml.datastores.map((datastore) => ({
      name: datastore.name,
      kind: datastore.kind,
      endpoints: datastore.endpoints ?? [],
      ...(datastore.path === undefined ? {} : {path: datastore.path}),
      tls: toTls(datastore.tls),
      user: toUser(datastore.user),
      export: datastore.export ?? null,
      writeBack: toWriteBack(datastore.writeBack),
    })),
    sites: new Map(
      Object.entries(yaml.sites).flatMap(([name, remote]) =>
        leftOut.has(name) ? [] : [[name as SiteName, toRemote(name as SiteName, remote)]],
      ),
    ),
    unconnected,
    transit: yaml.transit.filter((name) => !leftOut.has(name)),
    authorities: yaml.authorities,
    peers: yaml.peers.map(toWanPeer),
    nodes: toNodes(yaml.nodes),
    static: yaml.static,
    metrics: yaml.metrics?.listen ?? null,
    api: toApi(yaml.api),
    ...(yaml.routeTable ? {routeTable: toRouteTable(yaml.routeTable)} : {}),
    prometheus: yaml.api?.prometheus ?? null,
    paths: yaml.paths,
    lab: yaml.lab,
  }
}

function toUplink(uplink: GatewayYaml['uplinks'][number], index: number): LocalUplink {
  const way = toUplinkWay(uplink, index)
  const inner = (family: Family): Address[] => uplink.inner.filter((address) => familyOf(address) === family)
  return {
    name: uplink.name,
    address: uplink.address,
    public: uplink.public ?? null,
    device: uplink.device ?? null,
    ...(uplink.rateMbit === undefined ? {} : {rateMbit: uplink.rateMbit}),
    ...(way ? {way} : {}),
    inner: {4: inner(4), 6: inner(6)},
  }
}

/** `insecure` has said what it has to say: what is insecure shows in `tls`. */
function toRemote(name: SiteName, remote: GatewayYaml['sites'][SiteName]): RemoteSite {
  const {insecure: _insecure, translate: _translate, tls, user, lost, limits, ...rest} = remote
  const prefixes = {owns: seenOwns(remote), translations: translationsOf(remote)}
  const reached = {tls: toTls(tls), user: toUser(user)}
  return {...rest, name, via: remote.via ?? [], ...prefixes, ...reached, lost: toLost(lost), limits: toLimits(limits)}
}

function toTls(tls: GatewayYaml['datastores'][number]['tls']): TlsFiles | null {
  return tls ? {ca: tls.ca, cert: tls.cert ?? null, key: tls.key ?? null} : null
}

function toUser(user: GatewayYaml['datastores'][number]['user']): PasswordUser | null {
  return user ? {name: user.name, passwordFile: user.password.file} : null
}
