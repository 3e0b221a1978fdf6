import {createHash} from 'node:crypto'
import {ALIAS_PREFIX, type SiteName, type Slot, shortHash, siteDevices, type UplinkRef} from '../model/index.ts'

/** The two ends, the slot and the family: what a tunnel is, whatever carries it. */
export interface TunnelIdentity {
  readonly local: UplinkRef
  readonly remote: UplinkRef
  readonly slot: Slot
  /** Of a device that bears IPv6 beside one that bears IPv4. */
  readonly family?: 6
}

/** At most 15 characters (IFNAMSIZ − 1): prefix, the start of the site's name for people, hash of the whole identity. */
export function deviceName(site: SiteName, identity: TunnelIdentity): string {
  return `${siteDevices(site)}${shortHash(describe(identity))}`
}

export function deviceAlias(identity: TunnelIdentity): string {
  return `${ALIAS_PREFIX}${describe(identity)}`
}

export function describe({local, remote, slot, family}: TunnelIdentity): string {
  return `${local} ${remote} slot ${slot}${family === 6 ? ' ipv6' : ''}`
}

/** 24 bits from both ends' names in one order, so that both ends come to the same number; 0 means "no VNI" to some. */
export function vni({local, remote, slot}: TunnelIdentity): number {
  const pair = [local, remote].sort().join(' ')
  const number = createHash('sha256').update(`${pair} slot ${slot}`).digest().readUIntBE(0, 3)
  return number === 0 ? 1 : number
}
