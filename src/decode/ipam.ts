import type {BlockAffinity, IpamBlock} from '../model/index.ts'
import {addressFromNumber, type Prefix, parseCidr, prefixRange} from '../net/index.ts'
import {type Fields, show} from './fields.ts'

/** `10.244.1.0-26` of a key: a masked CIDR whose one `/` became `-`. */
export function parseKeyCidr(segment: string): Prefix | null {
  const dash = segment.lastIndexOf('-')
  return dash < 0 ? null : parseCidr(`${segment.slice(0, dash)}/${segment.slice(dash + 1)}`)
}

/** A block of addresses, or `null` when it says that it is deleted or when its CIDR is none. */
export function decodeBlock(top: Fields, keyCidr: Prefix): IpamBlock | null {
  if (top.flag('deleted')) return null
  const cidr = parseCidr(top.text('cidr'))
  if (cidr !== keyCidr) {
    top.differ('cidr', `${show(top.raw('cidr'))} is not the key's ${keyCidr}`)
    return null
  }
  const node = nodeOf(top)
  const attributes = top.objects('attributes').map((entry) => ({
    handle: entry.text('handle_id'),
    node: entry.object('secondary').text('node'),
    // In cool-down: still in `allocations`, not in use.
    released: entry.has('releasedAt'),
  }))
  const {family, first, last} = prefixRange(cidr)
  const borrowed: IpamBlock['borrowed'][number][] = []
  for (const [ordinal, index] of top.list('allocations').entries()) {
    if (index === null) continue
    const holder = typeof index === 'number' ? attributes[index] : undefined
    if (holder === undefined || first + BigInt(ordinal) > last) {
      top.fail(`allocations[${ordinal}]`, `${show(index)} points at no attributes`)
      continue
    }
    if (holder.released || holder.node === '' || holder.node === node) continue
    borrowed.push({address: addressFromNumber(first + BigInt(ordinal), family), node: holder.node})
  }
  const handles = [...new Set(attributes.map((entry) => entry.handle).filter((handle) => handle !== ''))]
  return {kind: 'IPAMBlock', cidr, node, borrowed, handles}
}

/** `affinity: "host:<node>"`, or the deprecated `hostAffinity`; `virtual:…` is not a node. */
function nodeOf(top: Fields): string | null {
  const affinity = top.text('affinity')
  if (affinity.startsWith('host:')) return affinity.slice('host:'.length)
  return affinity === '' ? top.text('hostAffinity') || null : null
}

/** A node's claim on a block, `null` when deleted. `top` null: a very old entry without a value, hence confirmed. */
export function decodeAffinity(top: Fields | null, node: string, cidr: Prefix): BlockAffinity | null {
  if (top?.flag('deleted')) return null
  const state = top?.word('state', ['confirmed', 'pending', 'pendingDeletion'], 'confirmed') ?? 'confirmed'
  return {kind: 'BlockAffinity', node, cidr, state}
}
