import type {Decoded, RawRecord, Resource} from '../model/index.ts'
import {decodeExport} from './export-entry.ts'
import {Fields, type Problem} from './fields.ts'
import {decodeAffinity, decodeBlock, parseKeyCidr} from './ipam.ts'
import {parseJson, parseUtf8} from './json.ts'
import {bad, finished, ignored, type Place} from './outcome.ts'
import {ENDPOINTS, plainEndpoint} from './plain-endpoint.ts'
import {decodeResource} from './resource.ts'

const CALICO = '/calico/resources/v3/projectcalico.org/'
const ISTHMUS = '/isthmus/v1/resources/projectcalico.org/'
const EXPORT = '/isthmus/v1/export/'
const IPAM = '/calico/ipam/v2/'

/**
 * Decodes one record of a datastore or an export: any key, any bytes, never an exception.
 *
 * `source` goes into the findings' `where` as it stands (`datastore main`, `export b`).
 */
export function decodeRecord(record: RawRecord, source = 'datastore'): Decoded {
  const {key, modRevision} = record
  const plain = key.startsWith(ENDPOINTS) ? plainEndpoint(record) : null
  if (plain) return plain
  const place: Place = {key, modRevision, source}
  const [root, rest] = treeOf(key)
  if (root === null) return ignored(place, 'other')
  const text = parseUtf8(record.value)
  const segments = rest.split('/')
  if (root === CALICO) return decodeResource(place, 'calico', segments, text)
  if (root === ISTHMUS) return decodeResource(place, 'isthmus', segments, text)
  if (text === null) return bad(place, 'record-not-json', 'not UTF-8')
  return root === EXPORT ? decodeExport(place, segments, text) : decodeIpam(place, segments, text)
}

function treeOf(key: string): [root: string, rest: string] | [null, ''] {
  for (const root of [CALICO, EXPORT, ISTHMUS, IPAM]) if (key.startsWith(root)) return [root, key.slice(root.length)]
  return [null, '']
}

/** `assignment/ipv4/block/CIDR` and `host/NODE/ipv4/block/CIDR`; handles, configuration and `virtual/…` are not read. */
function decodeIpam(place: Place, segments: readonly string[], text: string): Decoded {
  const [head, ...rest] = segments
  const build = head === 'assignment' ? blockReader(rest) : head === 'host' ? affinityReader(rest) : undefined
  if (build === undefined) return ignored(place, `ipam-${head === 'virtual' || head === 'handle' ? head : 'other'}`)
  if (build === null) return bad(place, 'record-name-mismatch', 'not the key of a block')
  const empty = text === '' && head === 'host'
  const parsed = empty ? {ok: true as const, value: {}} : parseJson(text)
  if (!parsed.ok) return bad(place, 'record-not-json', parsed.detail)
  const problems: Problem[] = []
  const top = new Fields(parsed.value, '', problems)
  if (parsed.value === null) top.fail('', 'not an object')
  const resource = build(empty ? null : top)
  return finished<Decoded>(place, problems, (findings) => {
    if (resource === null) return ignored(place, 'deleted')
    const {key, modRevision} = place
    return {type: 'resource', key, modRevision, findings, root: 'calico', resource, path: '', document: null}
  })
}

type IpamReader = (top: Fields | null) => Resource | null

function blockReader([family, word, segment = '', ...rest]: readonly string[]): IpamReader | null {
  const cidr = parseKeyCidr(segment)
  if (!isFamily(family) || word !== 'block' || cidr === null || rest.length > 0) return null
  return (top) => (top === null ? null : decodeBlock(top, cidr))
}

function affinityReader([node, family, word, segment = '', ...rest]: readonly string[]): IpamReader | null {
  const cidr = parseKeyCidr(segment)
  if (!node || !isFamily(family) || word !== 'block' || cidr === null || rest.length > 0) return null
  return (top) => decodeAffinity(top, node, cidr)
}

const isFamily = (text: string | undefined): boolean => text === 'ipv4' || text === 'ipv6'
