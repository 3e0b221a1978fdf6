import type {
  AttributeSetId,
  Decoded,
  DecodedExport,
  ExportEntry,
  Finding,
  GatewayRecord,
  Resource,
  TunnelOffer,
  Uplink,
  UplinkRef,
} from '../model/index.ts'
import {parseDatastoreName, parseGatewayName, parseSiteName, parseUplinkName, parseWgPublicKey} from '../model/index.ts'
import {type Address, familyOf, parseAddress, parseCidr, parsePrefix} from '../net/index.ts'
import {Fields, type Problem, show} from './fields.ts'
import {parseKeyCidr} from './ipam.ts'
import {parseJson} from './json.ts'
import {bad, findingsOf, finished, ignored, type Place} from './outcome.ts'
import {parseResourceKey, type ResourceKey, resourceOf} from './resource.ts'
import {standInFor} from './stand-in.ts'

/** The export's format that this version reads and writes. */
const SCHEMA = 1

/** Far above what sites have: each uplink is a device, a key and a session at every other gateway. */
const LIMITS = {uplinks: 16, infrastructure: 1000} as const

const ATTRIBUTES_ID = /^[A-Za-z0-9_-]{1,64}$/

/** One record of an export, by the segments behind `/isthmus/v1/export/`. What is not known is ignored: it is newer. */
export function decodeExport(at: Place, segments: readonly string[], text: string): Decoded {
  const reader = readerOf(segments)
  if (reader === null || isOfNewerKind(segments)) return ignored(at, 'export')
  const key = segments[0] === 'resources' ? globalKey(segments.slice(1)) : null
  const place: Place = {...at, kind: key?.entry.kind ?? segments[0]!}
  const parsed = parseJson(text)
  if (!parsed.ok) {
    return {...bad(place, 'record-not-json', parsed.detail), standIn: standInEntry(place, key, null, [], text)}
  }
  const problems: Problem[] = []
  const top = new Fields(parsed.value, '', problems)
  if (parsed.value === null) top.fail('', 'not an object')
  const entry = reader(top, segments.slice(1), text)
  if (entry === 'newer') return {...ignored(place, 'export'), findings: findingsOf(place, problems)}
  return finished<Decoded>(
    place,
    problems,
    (findings) =>
      entry === null
        ? bad(place, 'record-name-mismatch', 'not a key of an export')
        : {
            ...{type: 'export', key: place.key, modRevision: place.modRevision, entry},
            findings: [...findings, ...schemaFindings(place, entry)],
          },
    () => standInEntry(place, key, entry?.kind === 'resource' ? entry.resource : null, problems, text),
  )
}

/**
 * Another schema is no reason to do without the site: what stands in schema 1 keeps its meaning in every later one
 * (decision 0038), and a number that is larger only says that there is more.
 */
function schemaFindings({source, key}: Place, entry: ExportEntry): Finding[] {
  if (entry.kind !== 'meta' || entry.schema === SCHEMA) return []
  const detail = `export schema ${entry.schema}; this gateway reads ${SCHEMA}: what it does not know of it is ignored`
  const remedy = 'run one version of Isthmus at all sites, when you can'
  return [{code: 'schema-unknown', severity: 'warning', where: {source, key, field: 'schema'}, detail, remedy}]
}

/** A document of a kind that this version does not know. */
function isOfNewerKind([head, ...rest]: readonly string[]): boolean {
  if (head !== 'resources' && head !== 'local') return false
  return parseResourceKey(head === 'local' ? rest.slice(1) : rest) === 'unknown-kind'
}

/** A site hands on what it refused and knows no good version of, so that every reader's gateway stands in for it alike. */
function standInEntry(
  {key, modRevision}: Place,
  documentKey: ResourceKey | null,
  read: Resource | null,
  problems: readonly Problem[],
  document: string,
): DecodedExport | null {
  const resource = documentKey && standInFor('isthmus', documentKey, read, problems)
  if (!documentKey || !resource) return null
  const {path} = documentKey
  return {type: 'export', key, modRevision, findings: [], entry: {kind: 'resource', resource, path, document}}
}

/**
 * Reads one sort of record; `null`: the key is wrong, or an error was noted; `newer`: it is of a sort that this version
 * does not know, which a warning says.
 */
type EntryReader = (top: Fields, rest: readonly string[], text: string) => ExportEntry | 'newer' | null

/** Of these there is one record; a key below it is newer, and must not be taken for it. */
const SINGLE: readonly string[] = ['meta', 'site']

function readerOf(segments: readonly string[]): EntryReader | null {
  const readers: Readonly<Record<string, EntryReader>> = {
    meta: metaEntry,
    site: siteEntry,
    gateways: gatewayEntry,
    attributes: attributesEntry,
    endpoints: endpointEntry,
    resources: resourceEntry,
    local: localEntry,
  }
  const head = segments[0] ?? ''
  if (segments.length > 1 && SINGLE.includes(head)) return null
  return Object.hasOwn(readers, head) ? readers[head]! : null
}

function metaEntry(top: Fields): ExportEntry | null {
  const site = parseSiteName(top.text('site'))
  const schema = top.integer('schema', 0, 2 ** 31)
  if (site === null) top.fail('site', `${show(top.raw('site'))} is no name of a site`)
  if (schema === null) top.fail('schema', 'missing')
  if (site === null || schema === null) return null
  const local = top.has('local') ? top.parsed('local', parseDatastoreName, 'a name of a datastore', 'warn') : null
  return {kind: 'meta', schema, site, generation: top.integer('generation', 0, Number.MAX_SAFE_INTEGER) ?? 0, local}
}

function siteEntry(top: Fields): ExportEntry | null {
  const as = top.integer('as', 1, 4294967295)
  if (as === null) {
    if (!top.has('as')) top.fail('as', 'missing')
    return null
  }
  // One wrong prefix must not take the site off the map; what is left of it is still true.
  const prefixes = top.parsed('prefixes', parsePrefix, 'a prefix', 'warn')
  const infrastructure = top.parsed('infrastructure', parsePrefix, 'a prefix', 'warn')
  // What it announces counts as far as it is granted; of this each is an element of rules.
  if (infrastructure.length > LIMITS.infrastructure) {
    top.warn('infrastructure', `${infrastructure.length} prefixes; the first ${LIMITS.infrastructure} count`)
  }
  return {kind: 'site', as, prefixes, infrastructure: infrastructure.slice(0, LIMITS.infrastructure)}
}

function gatewayEntry(top: Fields, [nameText = '', ...rest]: readonly string[]): ExportEntry | null {
  const name = parseGatewayName(nameText)
  if (name === null || rest.length > 0) return null
  const {length} = top.list('uplinks')
  if (length > LIMITS.uplinks) {
    top.exceed('uplinks', `${length} uplinks; a gateway has at most ${LIMITS.uplinks}`)
    return null
  }
  const uplinks = top.objects('uplinks').flatMap((fields) => uplinkOf(fields) ?? [])
  const tunnels = new Map<UplinkRef, readonly TunnelOffer[]>()
  const offers = top.object('tunnels')
  const raw = top.raw('tunnels')
  const refs = typeof raw === 'object' && raw !== null ? Object.keys(raw).sort() : []
  for (const ref of refs) {
    const parts = ref.split('/')
    if (parts.length !== 3 || parts.some((part) => parseSiteName(part) === null)) {
      offers.warn(ref, 'not SITE/GATEWAY/UPLINK')
      continue
    }
    tunnels.set(
      ref as UplinkRef,
      offers.objects(ref).flatMap((fields) => offerOf(fields) ?? []),
    )
  }
  const gateway: GatewayRecord = {name, uplinks, tunnels}
  return {kind: 'gateway', gateway}
}

function uplinkOf(fields: Fields): Uplink | null {
  const name = parseUplinkName(fields.text('name'))
  const address = parseAddress(fields.text('address'))
  const publicText = fields.text('public')
  const inner = fields.parsed('inner', parseAddress, 'an address')
  const outside = parseAddress(publicText)
  if (name === null) fields.fail('name', `${show(fields.raw('name'))} is no name`)
  if (address === null) fields.fail('address', `${show(fields.raw('address'))} is no address`)
  if (publicText !== '' && outside === null) fields.fail('public', `${show(publicText)} is no address`)
  if (name === null || address === null) return null
  const pair = (family: 4 | 6): Address[] => inner.filter((entry) => familyOf(entry) === family)
  return {name, address, public: outside, inner: {4: pair(4), 6: pair(6)}}
}

/** An offer of an encapsulation or slot that this version does not know is skipped, whatever else is in it: it is newer. */
function offerOf(fields: Fields): TunnelOffer | null {
  const word = fields.raw('encapsulation')
  const encapsulation = (['ipip', 'fou', 'wireguard', 'vxlan', 'none'] as const).find((known) => known === word)
  if (encapsulation === undefined) {
    if (word === undefined) fields.fail('encapsulation', 'missing')
    else fields.warn('encapsulation', `${show(word)} is unknown`)
    return null
  }
  const number = fields.number('slot')
  if (number !== null && number !== 0 && number !== 1) {
    fields.warn('slot', `${number} is unknown`)
    return null
  }
  const slot = number
  const uplink = parseUplinkName(fields.text('uplink'))
  const keyText = fields.text('publicKey')
  const publicKey = parseWgPublicKey(keyText)
  if (keyText !== '' && publicKey === null) fields.fail('publicKey', 'not 32 bytes in base64')
  if (uplink === null) fields.fail('uplink', `${show(fields.raw('uplink'))} is no name`)
  if (slot === null && !fields.has('slot')) fields.fail('slot', 'missing')
  const port = fields.integer('port', 1, 65535)
  const port6 = fields.integer('port6', 1, 65535)
  if (slot === null || uplink === null) return null
  const serial = fields.integer('serial', 0, Number.MAX_SAFE_INTEGER) ?? 0
  const more = {...(serial === 0 ? {} : {serial}), ...(fields.raw('leaving') === true ? {leaving: true as const} : {})}
  return {slot, uplink, encapsulation, publicKey, port, port6, ...more, ...choiceOf(fields)}
}

/** What an end says that chooses between encapsulations, or goes from one to the other. */
function choiceOf(fields: Fields): Pick<TunnelOffer, 'also' | 'next' | 'auto'> {
  const [also, next, auto] = [fields.raw('also'), fields.raw('next'), fields.raw('auto')]
  const said = typeof auto === 'object' && auto !== null ? fields.object('auto') : null
  return {
    ...(also === 'ipip' || also === 'fou' ? {also} : {}),
    ...(next === 'ipip' || next === 'fou' ? {next} : {}),
    ...(said ? {auto: {ipip: said.raw('ipip') === true, encrypted: said.raw('encrypted') === true}} : {}),
  }
}

const ATTRIBUTE_KINDS = ['pod', 'host', 'set', 'prefix'] as const

function attributesEntry(top: Fields, [id = '', ...rest]: readonly string[]): ExportEntry | 'newer' | null {
  if (!ATTRIBUTES_ID.test(id) || rest.length > 0) return null
  const word = top.text('kind')
  const kind = ATTRIBUTE_KINDS.find((known) => known === word)
  if (kind === undefined) {
    if (word === '') top.fail('kind', 'missing')
    else top.warn('kind', `${show(word)} is none of ${ATTRIBUTE_KINDS.join(', ')}`)
    return word === '' ? null : 'newer'
  }
  const ports = top.list('ports').flatMap((item, i) => {
    const [name, protocol, port]: unknown[] = Array.isArray(item) ? item : []
    const known = (['tcp', 'udp', 'sctp'] as const).find((word) => word === protocol)
    const number = typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535 ? port : null
    if (typeof name === 'string' && name !== '' && known && number !== null) {
      return [{name, protocol: known, port: number}]
    }
    // A protocol that this version does not know, no rule of its own can name.
    if (typeof name === 'string' && typeof protocol === 'string' && !known) {
      top.warn(`ports[${i}]`, `${show(protocol)} is none of tcp, udp, sctp`)
      return []
    }
    top.fail(`ports[${i}]`, `${show(item)} is not [name, protocol, port]`)
    return []
  })
  const set = {
    kind,
    labels: top.labels('labels'),
    namespace: top.text('namespace') || null,
    serviceAccount: top.text('serviceAccount') || null,
    ports,
  }
  return {kind: 'attributes', id: id as AttributeSetId, set}
}

function endpointEntry(top: Fields, [store = '', where = '', id = '', ...rest]: readonly string[]): ExportEntry | null {
  const datastore = parseDatastoreName(store)
  const prefix = where.includes('-') ? parseKeyCidr(where) : where.includes('/') ? null : parseCidr(where)
  if (datastore === null || prefix === null || !ATTRIBUTES_ID.test(id) || rest.length > 0) return null
  return {kind: 'endpoint', datastore, prefix, attributes: id as AttributeSetId, names: top.texts('n')}
}

/** A global document: the same decoders as for the trees. */
function resourceEntry(top: Fields, rest: readonly string[], text: string): ExportEntry | null {
  const key = globalKey(rest)
  const resource = key && resourceOf(key, top)
  return key && resource && {kind: 'resource', resource, path: key.path, document: text}
}

function globalKey(rest: readonly string[]): ResourceKey | null {
  const key = parseResourceKey(rest)
  return key === null || key === 'unknown-kind' || key.entry.scope !== 'cluster' ? null : key
}

function localEntry(top: Fields, [store = '', ...rest]: readonly string[]): ExportEntry | null {
  const datastore = parseDatastoreName(store)
  const key = parseResourceKey(rest)
  if (datastore === null || key === null || key === 'unknown-kind') return null
  const resource = resourceOf(key, top)
  return resource && {kind: 'local', datastore, resource, path: key.path}
}
