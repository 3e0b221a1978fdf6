import {
  type GatewayNodes,
  LARGEST_BLOCK,
  OWNER_ANNOTATION,
  OWNER_HANDLE_PREFIX,
  SITE_LABEL,
  type SiteName,
} from '../model/index.ts'
import {
  type Address,
  addressFromNumber,
  type Prefix,
  parseCidr,
  prefixFamily,
  prefixLength,
  prefixRange,
} from '../net/index.ts'
import {isFields, type JsonFields, parseExact} from './exact-json.ts'

/**
 * The IPAM records that make Felix route a remote prefix to a gateway's Node (calico-model 1.5 and 5.5 e): a block, the
 * Node's claim on it, and the handle of the one address in each that keeps kube-controllers from releasing it as empty.
 */
const IPAM = '/calico/ipam/v2/'
const BLOCKS = `${IPAM}assignment/ipv4/block/`
const AFFINITIES = `${IPAM}host/`
const HANDLES = `${IPAM}handle/`

/** Of others' only blocks are looked at, whose addresses ours could be. */
export const IPAM_PREFIXES: readonly string[] = [
  BLOCKS,
  ...[AFFINITIES, HANDLES].map((folder) => folder + OWNER_HANDLE_PREFIX),
]

export const isIpamKey = (key: string): boolean => key.startsWith(IPAM)

/** A site's name has no dot, so that what stands before the first one is all of it, also with sites `a` and `a-b`. */
const beginsOf = (owner: SiteName): string => `${OWNER_HANDLE_PREFIX}${owner}.`

export const gatewayNodeName = (owner: SiteName, address: Address): string =>
  `${beginsOf(owner)}${address.replaceAll('.', '-')}`

const cidrSegment = (cidr: Prefix): string => cidr.replace('/', '-')

/** The blocks of one remote prefix: as few as Calico's own pools could have. */
export function blocksOf(prefix: Prefix): Prefix[] {
  if (prefixFamily(prefix) !== 4) return []
  const length = Math.max(LARGEST_BLOCK, prefixLength(prefix))
  const {first, last} = prefixRange(prefix)
  const blocks: Prefix[] = []
  for (let at = first; at <= last; at += 1n << BigInt(32 - length)) {
    blocks.push(`${addressFromNumber(at, 4)}/${length}` as Prefix)
  }
  return blocks
}

/** What is written of one block, by key. Fields of ours beside Calico's tell which remote site it is about. */
export function blockRecords(
  owner: SiteName,
  site: SiteName,
  cidr: Prefix,
  blocks: NonNullable<GatewayNodes['blocks']>,
): [key: string, text: string][] {
  const node = gatewayNodeName(owner, blocks)
  const handle = `${beginsOf(owner)}${site}.${cidr.replaceAll(/[./]/g, '-')}`
  const size = 2 ** (32 - prefixLength(cidr))
  const marks = {[OWNER_ANNOTATION]: owner, [SITE_LABEL]: site}
  const block = {
    cidr,
    affinity: `host:${node}`,
    allocations: [0, ...Array.from({length: size - 1}, () => null)],
    unallocated: Array.from({length: size - 1}, (_, index) => index + 1),
    attributes: [{handle_id: handle, secondary: {...marks, node}}],
    deleted: false,
  }
  return [
    [`${HANDLES}${handle}`, JSON.stringify({block: {[cidr]: 1}, deleted: false, ...marks})],
    [`${BLOCKS}${cidrSegment(cidr)}`, JSON.stringify(block)],
    [
      `${AFFINITIES}${node}/ipv4/block/${cidrSegment(cidr)}`,
      JSON.stringify({state: 'confirmed', deleted: false, ...marks}),
    ],
  ]
}

/**
 * Whether this site wrote the record. Of claims and handles the name says so. A block's does not: it is ours while every
 * address in it is held by a handle of ours; where somebody else took one it is his as well, and left alone.
 */
export function isOurIpam(key: string, value: unknown, owner: SiteName): boolean {
  const begins = beginsOf(owner)
  if (!key.startsWith(BLOCKS)) return [AFFINITIES, HANDLES].some((folder) => key.startsWith(folder + begins))
  const attributes = isFields(value) && Array.isArray(value.attributes) ? value.attributes : []
  return (
    attributes.length > 0 &&
    attributes.every((one) => isFields(one) && typeof one.handle_id === 'string' && one.handle_id.startsWith(begins))
  )
}

/** Which remote site a record of ours is about; null: somebody took that off. */
export function siteOfIpam(value: unknown): string | null {
  if (!isFields(value)) return null
  const [first] = Array.isArray(value.attributes) ? value.attributes : []
  const holder: unknown = isFields(first) ? first.secondary : value
  const site = isFields(holder) ? holder[SITE_LABEL] : null
  return typeof site === 'string' ? site : null
}

/** A record for people: a block's two lists are thousands of entries that say next to nothing. */
export function briefIpam(key: string, text: string): string {
  const value = key.startsWith(BLOCKS) ? parseExact(text) : null
  if (!isFields(value)) return text
  const {allocations, unallocated} = value
  const brief = {
    ...(Array.isArray(allocations)
      ? {allocations: `${allocations.filter((one) => one !== null).length} of ${allocations.length} addresses`}
      : {}),
    ...(Array.isArray(unallocated) ? {unallocated: `${unallocated.length} addresses`} : {}),
  }
  return JSON.stringify({...value, ...brief})
}

/** What a block under this key covers; null: it is none. */
export function blockOf(key: string): Prefix | null {
  if (!key.startsWith(BLOCKS)) return null
  const segment = key.slice(BLOCKS.length)
  const dash = segment.lastIndexOf('-')
  return dash < 0 ? null : parseCidr(`${segment.slice(0, dash)}/${segment.slice(dash + 1)}`)
}

/** A number that only grows, as Calico makes it of the time: it tells a block from one that stood there before. */
export const firstSequence = (creationTimestamp: string): bigint =>
  BigInt(`${creationTimestamp.replaceAll(/\D/g, '')}00000`)

/** One more than the block has; null: it has none. */
export function nextSequence({sequenceNumber}: JsonFields): bigint | null {
  const text = String(isFields(sequenceNumber) ? sequenceNumber.rawJSON : sequenceNumber)
  return /^\d+$/.test(text) ? BigInt(text) + 1n : null
}
