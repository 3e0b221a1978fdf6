import {type Encapsulation, isPlain, type PlainForm, serialOf, type TunnelOffer, type Uplink} from '../model/index.ts'
import {type Address, familyOf, type Prefix, prefixContainsAddress} from '../net/index.ts'

/**
 * `encapsulation: auto`: which encapsulation a pair of uplinks has, by a rule over what both ends know.
 *
 *     addresses, `encrypted` of either end ──► wireguard        (never anything else, whatever probes say)
 *     else: this end's word and the other's ──► ipip where both say that it passes, fou where not
 *
 * A word is what one end has seen of IP protocol 4, by probes that go there in one form and come back in it. It is taken back
 * at once and given again slowly, and goes out with the offer. Each end takes both forms at any time (the kernel does, on one
 * device), so a moment in which the two ends' knowledge differs costs no packet.
 */

/** A row of probes of one form, there and back: one of the two is 0. */
export interface FormProbes {
  readonly passedInRow: number
  readonly lostInRow: number
}

export interface FormReadings {
  readonly ipip: FormProbes | null
  readonly fou: FormProbes | null
}

export interface FormWord {
  /** Protocol 4 passes, both ways. */
  readonly ipip: boolean
  /** Nothing has spoken against it yet on this path, so a short proof will do. */
  readonly fresh: boolean
}

/** Probes, one a second. */
const LOST_IN_ROW = 5
const PASSES = 3
const FIRST_PASSES = 10
/** Ten minutes without one that is lost: a fabric that changes its mind is followed six times an hour at most. */
const BACK_PASSES = 600
/** Neither form passes: it is the path or the other gateway, and what comes back may be another path. */
const DARK = 30

/** The next word; the same object where nothing changed. */
export function nextWord(word: FormWord, {ipip, fou}: FormReadings): FormWord {
  const lost = (probes: FormProbes | null, times: number): boolean => (probes?.lostInRow ?? 0) >= times
  const passed = (probes: FormProbes | null, times: number): boolean => (probes?.passedInRow ?? 0) >= times
  // In the form that more networks carry the ends find each other again, also when they cannot hear each other.
  if (lost(ipip, DARK) && lost(fou, DARK)) return word.fresh && !word.ipip ? word : {ipip: false, fresh: true}
  if (word.ipip) return lost(ipip, LOST_IN_ROW) && passed(fou, PASSES) ? {ipip: false, fresh: false} : word
  const isBack = passed(ipip, word.fresh ? FIRST_PASSES : BACK_PASSES)
  const isOnly = lost(fou, LOST_IN_ROW) && passed(ipip, PASSES)
  return isBack || isOnly ? {...word, ipip: true} : word
}

/** null: too little was heard of it yet. */
export const formPasses = (probes: FormProbes | null): boolean | null =>
  probes === null || (probes.passedInRow === 0 && probes.lostInRow < LOST_IN_ROW)
    ? null
    : probes.lostInRow < LOST_IN_ROW

export interface AutoView {
  /** Of the two ends, as the other one is told it or tells it. */
  readonly outer: readonly [here: Address, there: Address]
  /** Asked for here. */
  readonly encrypted: boolean
  /** The other end's to this one. */
  readonly offers: readonly TunnelOffer[]
  /** This end's. */
  readonly word: boolean
  /** What there is, until the other end is heard. */
  readonly standing: Encapsulation | null
}

/** Whether nothing but WireGuard will do, whoever of the two asks for it: the same at both ends. */
export const mustEncrypt = ({outer, encrypted, offers}: Pick<AutoView, 'outer' | 'encrypted' | 'offers'>): boolean =>
  encrypted || outer.some((address) => !isPrivate(address)) || offers.some(({auto}) => auto?.encrypted)

/** The rule. An end whose configuration says which one it wants is followed, where that is not weaker than what must be. */
export function autoWanted(view: AutoView): Encapsulation {
  const {outer, offers, word, standing} = view
  if (mustEncrypt(view)) return 'wireguard'
  // There is no fou over IPv6.
  const other: PlainForm = outer.some((address) => familyOf(address) === 6) ? 'ipip' : 'fou'
  const newest = offers.toSorted((a, b) => serialOf(b) - serialOf(a))[0]
  if (!newest) return standing && isPlain(standing) ? standing : other
  if (newest.auto) return word && newest.auto.ipip ? 'ipip' : other
  return newest.encapsulation === 'wireguard' || isPlain(newest.encapsulation) ? newest.encapsulation : other
}

/** The address in front of a NAT, if there is one: what the WAN sees. */
export const outerOf = ({address, public: outside}: Pick<Uplink, 'address' | 'public'>): Address => outside ?? address

/**
 * No network of others is between such addresses: RFC 1918, RFC 4193, link-local, loopback; and those of documentation, which
 * only labs have. Not 100.64.0.0/10: that is a carrier's, shared with its other customers.
 */
const PRIVATE = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '127.0.0.0/8'],
  ...['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '198.18.0.0/15'],
  ...['fc00::/7', 'fe80::/10', '::1/128', '2001:db8::/32', '2001:2::/48'],
] as Prefix[]

const isPrivate = (address: Address): boolean => PRIVATE.some((prefix) => prefixContainsAddress(prefix, address))
