import {type AttributeSet, ISTHMUS_LABELS, type Member, type World} from '../../model/index.ts'
import {type Address, addressFromNumber, hostPrefix, rangeToPrefixes} from '../../net/index.ts'
import type {AddressGroup} from './address-groups.ts'

/** What stands for a group of addresses in an answer. */
export interface GroupView {
  /** null: of no site. */
  readonly site: string | null
  readonly addresses: number
  /** What all that is known of its endpoints has in common. */
  readonly labels: Readonly<Record<string, string>>
  readonly examples: readonly Example[]
}

export interface Example {
  /** An address, or the prefixes of a run of addresses. */
  readonly address: string
  readonly names: readonly string[]
}

type Known = Pick<World, 'members' | 'attributes'>

const EXAMPLES = 3

/** Describes a group by the worlds it comes from, the newest first: an address may be known in one of them only. */
export function viewGroup(group: AddressGroup, site: string | null, worlds: readonly Known[]): GroupView {
  const examples = [
    ...group.hosts.slice(0, EXAMPLES).map((address) => ({address, names: namesOf(address, worlds)})),
    ...group.runs.map(({first, last}) => ({address: runText(group, first, last), names: []})),
  ]
  const {size} = group
  const addresses = size > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(size)
  return {site, addresses, labels: sharedLabels(group.hosts, worlds), examples: examples.slice(0, EXAMPLES)}
}

/** One address of a group that a packet can come from or go to. */
export const sampleAddress = ({hosts, runs}: AddressGroup, skip: Address | null = null): Address | null =>
  hosts.find((address) => address !== skip) ?? runs.map(({free}) => free).find((address) => address !== skip) ?? null

export function namesOf(address: Address, worlds: readonly Known[]): readonly string[] {
  for (const {members} of worlds) {
    const names = [...(members.get(hostPrefix(address)) ?? [])].flatMap((member) => member.names)
    if (names.length > 0) return [...new Set(names)].sort()
  }
  return []
}

function runText({family}: AddressGroup, first: bigint, last: bigint): string {
  const prefixes = rangeToPrefixes({family, first, last})
  if (prefixes.length <= 2) return prefixes.join(', ')
  return `${addressFromNumber(first, family)}-${addressFromNumber(last, family)}`
}

/** Labels that every endpoint of the group bears with one value; none where it has none. */
function sharedLabels(hosts: readonly Address[], worlds: readonly Known[]): Record<string, string> {
  let shared: [string, string][] | null = null
  const seen = new Set<AttributeSet>()
  for (const address of hosts) {
    const set = endpointAt(address, worlds)
    if (!set || seen.has(set)) continue
    seen.add(set)
    const labels: Readonly<Record<string, string>> = set.labels
    shared = (shared ?? Object.entries(labels)).filter(([label, value]) => labels[label] === value)
    if (shared.length === 0) break
  }
  return Object.fromEntries((shared ?? []).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function endpointAt(address: Address, worlds: readonly Known[]): AttributeSet | null {
  for (const {members, attributes} of worlds) {
    const sets = (members.get(hostPrefix(address)) ?? []).map((member: Member) => attributes.get(member.attributes))
    const found = sets.find((set) => set && set.kind !== 'set')
    if (found) return found
  }
  return null
}

/** `a: 12 addresses, app=web (10.1.0.5 default/web-1, 10.1.0.6 default/web-2, …)`. */
export function printGroup({site, addresses, labels, examples}: GroupView): string {
  const texts = examples.map(({address, names}) => [address, ...names.slice(0, 1)].join(' '))
  const more = addresses > examples.length && examples.length > 0 ? [...texts, '…'] : texts
  const known = Object.entries(labels).filter(([label]) => !ISTHMUS_LABELS.includes(label) && !label.startsWith('pc'))
  return [
    site === null ? 'of no site' : `site ${site}`,
    addresses === 1 ? '1 address' : `${addresses} addresses`,
    ...(known.length > 0
      ? [
          known
            .slice(0, 4)
            .map(([label, value]) => `${label}=${value}`)
            .join(','),
        ]
      : []),
    `(${more.join(', ')})`,
  ].join(' ')
}
