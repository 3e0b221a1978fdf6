import {
  type AddressSpec,
  type GatewayConfig,
  isPlain,
  type LinkSpec,
  otherForm,
  type Slot,
  type Tunnel,
  type TunnelOffer,
  takes,
  type Uplink,
} from '../model/index.ts'
import {type Address, type Family, familyOf} from '../net/index.ts'
import {outerOf} from './auto.ts'
import {addressesOf, linkOf, type Pair, partsOf, tunnelsOf} from './tunnel-parts.ts'

/**
 * The two forms of IPIP on one tunnel. Its device takes both and sends one, which is changed in place. That the other one
 * passes is found out before, on a device that only sends: the kernel finds an incoming packet's device by both outer
 * addresses first, so one whose own address is left open gets none while the tunnel's own is there. What is sent to the
 * other end's second inner address goes out by it, and what the other end answers comes in the same form.
 */

/** As a tunnel to those who filter, since it is one of that site's; but no session is over it. */
export interface Trial extends Tunnel {
  /** The device of the tunnel that it is beside, on which its packets arrive. */
  readonly of: string
}

/** What is said of a tunnel of IPIP: the form that is taken beside the one that is sent, and whether it is to be that one. */
export function formsOffered({site, encapsulation, carrier, remote}: Pair): Pick<TunnelOffer, 'also' | 'next'> {
  if (!carrier.both || !isPlain(encapsulation) || familyOf(outerOf(remote)) === 6) return {}
  const also = otherForm(encapsulation)
  return {also, ...(site.encapsulation === also ? {next: also} : {})}
}

const LOCAL_ANY = '0.0.0.0' as Address

interface MadeTrial {
  readonly trial: Trial
  readonly link: LinkSpec
  readonly addresses: readonly AddressSpec[]
}

/** Where both ends take both forms: a device for the one that is not sent, in the slot that is free. */
export function trialsOf(
  pair: Pair,
  families: readonly Family[],
  ours: TunnelOffer,
  theirs: TunnelOffer,
  {uplinks}: GatewayConfig,
): MadeTrial[] {
  const {encapsulation, isAlone, gateway} = pair
  if (!isPlain(encapsulation) || !isAlone) return []
  const form = otherForm(encapsulation)
  const hasPort = (family: Family): boolean => (family === 6 ? theirs.port6 : theirs.port) !== null
  const isTaken = takes(ours, form) && takes(theirs, form) && (form === 'ipip' || families.every(hasPort))
  const isAsked = [ours, theirs].some(({auto, next}) => auto !== undefined || next !== undefined)
  if (!isTaken || !isAsked || !canTry(uplinks, gateway.uplinks)) return []
  const slot: Slot = pair.slot === 0 ? 1 : 0
  const beside: Pair = {...pair, slot, encapsulation: form, identity: {...pair.identity, slot}}
  const parts = partsOf(pair, families)
  return partsOf(beside, families).flatMap((part, index) => {
    const [tunnel] = tunnelsOf(beside, part)
    if (!tunnel) return []
    const link = {...linkOf(beside, part, 0, theirs), local: LOCAL_ANY} as LinkSpec
    return [{trial: {...tunnel, of: parts[index]!.device}, link, addresses: addressesOf(beside, part)}]
  })
}

/** A trial's source is what the route says, and of two devices to one address the kernel refuses the second: one uplink an end. */
export const canTry = (here: readonly Uplink[], there: readonly Uplink[]): boolean =>
  [here, there].every((uplinks) => uplinks.filter((one) => familyOf(outerOf(one)) === 4).length === 1)
