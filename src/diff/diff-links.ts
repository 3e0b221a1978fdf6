import {
  type ActualLink,
  type AddressSpec,
  ALIAS_PREFIX,
  type LinkSpec,
  type NetlinkStep,
  type SiteName,
  type StepKey,
  stepKey,
} from '../model/index.ts'
import {keyBy, keyedDelta} from './keyed-delta.ts'

const linkKey = (name: string): StepKey => stepKey(`link ${name}`)
const addressText = ({device, local, peer}: AddressSpec): string => `${device} ${local} peer ${peer}`

/**
 * Devices and their addresses. What goes comes first, so that a device can be made anew in the same batch; an address
 * waits for its device. MTU, alias, up and whether IPIP is sent in UDP are changed in place, anything else needs a new device:
 * the reason says what.
 *
 * `mayPrune` answers for the site at the far end: while that site has not been heard, what exists for it is kept.
 */
export function diffLinks(
  wanted: {links: readonly LinkSpec[]; addresses: readonly AddressSpec[]},
  held: {links: readonly ActualLink[]; addresses: readonly AddressSpec[]},
  mayPrune: (site: SiteName) => boolean,
): NetlinkStep[] {
  const before: NetlinkStep[] = []
  const after: NetlinkStep[] = []
  const fresh = new Set<string>()
  const kept = new Set<string>()

  const links = keyedDelta(
    keyBy(wanted.links, nameOf),
    keyBy(held.links, nameOf),
    (want, have) => changes(want, have) === '',
  )
  for (const [name, have] of links.delete) {
    const site = farSite(have)
    if (site !== null && !mayPrune(site)) kept.add(name)
    else
      before.push({
        key: stepKey(`unlink ${name}`),
        needs: [],
        reason: 'no longer wanted',
        driver: 'netlink',
        do: 'link-delete',
        name,
      })
  }
  for (const [name, link] of links.create) {
    fresh.add(name)
    after.push({key: linkKey(name), needs: [], reason: 'missing', driver: 'netlink', do: 'link-create', link})
  }
  for (const [name, link, have] of links.update) {
    const reason = changes(link, have)
    if (replaces(link, have)) {
      fresh.add(name)
      const unlink = stepKey(`unlink ${name}`)
      before.push({key: unlink, needs: [], reason, driver: 'netlink', do: 'link-delete', name})
      after.push({key: linkKey(name), needs: [unlink], reason, driver: 'netlink', do: 'link-create', link})
    } else {
      after.push({key: linkKey(name), needs: [], reason, driver: 'netlink', do: 'link-update', link})
    }
  }

  const gone = new Set(before.flatMap((step) => (step.do === 'link-delete' ? [step.name] : [])))
  const present = held.addresses.filter(({device}) => !gone.has(device))
  const addresses = keyedDelta(keyBy(wanted.addresses, addressText), keyBy(present, addressText), () => true)
  for (const [text, address] of addresses.delete) {
    if (kept.has(address.device)) continue
    before.push({
      key: stepKey(`unaddress ${text}`),
      needs: [],
      reason: 'no longer wanted',
      driver: 'netlink',
      do: 'address-delete',
      address,
    })
  }
  for (const [text, address] of addresses.create) {
    const needs = fresh.has(address.device) ? [linkKey(address.device)] : []
    after.push({
      key: stepKey(`address ${text}`),
      needs,
      reason: 'missing',
      driver: 'netlink',
      do: 'address-add',
      address,
    })
  }
  return [...before, ...after]
}

const nameOf = ({name}: {name: string}): string => name

/** The remote site in a device's alias; null when the alias does not say. */
function farSite(link: ActualLink): SiteName | null {
  const alias = link.spec?.alias ?? ''
  if (!alias.startsWith(ALIAS_PREFIX)) return null
  return (alias.slice(ALIAS_PREFIX.length).split(' ')[1]?.split('/')[0] ?? null) as SiteName | null
}

function replaces(want: LinkSpec, {spec}: ActualLink): boolean {
  return spec === null || identity(want) !== identity(spec)
}

/** What cannot be changed on a living device, as text. */
function identity(spec: LinkSpec): string {
  switch (spec.kind) {
    case 'ip6tnl':
      return `ip6tnl ${spec.local} → ${spec.remote} ttl ${spec.ttl}`
    case 'ipip':
    case 'sit':
      return `${spec.kind} ${spec.local} → ${spec.remote} ttl ${spec.ttl}`
    case 'vxlan':
      return `vxlan ${spec.vni} ${spec.local} → ${spec.remote}:${spec.port} ttl ${spec.ttl}`
    case 'wireguard':
      return 'wireguard'
  }
}

const fouText = (spec: LinkSpec): string =>
  'fou' in spec && spec.fou !== undefined ? `udp ${spec.fou}` : 'without udp'

/** Why the device that is there will not do; empty when it will. */
function changes(want: LinkSpec, {spec, up}: ActualLink): string {
  if (spec === null) return 'of an unknown kind'
  const reasons: string[] = []
  if (identity(want) !== identity(spec)) reasons.push(`${identity(spec)} ⇒ ${identity(want)}`)
  if (fouText(want) !== fouText(spec)) reasons.push(`${fouText(spec)} ⇒ ${fouText(want)}`)
  if (want.mtu !== spec.mtu) reasons.push(`mtu ${spec.mtu} ⇒ ${want.mtu}`)
  if (want.alias !== spec.alias) reasons.push('alias')
  if (!up) reasons.push('down')
  return reasons.join(', ')
}
