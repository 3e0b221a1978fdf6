import {
  type Carrier,
  type Encapsulation,
  isPlain,
  type Slot,
  serialOf,
  type TunnelOffer,
  takes,
} from '../model/index.ts'

/**
 * How one tunnel follows another between two uplinks without a packet lost, as a machine of plain states at each end:
 *
 *     [old open] ──other encapsulation wanted, or a new key──► [old open, new joining]   in the slot that is free
 *     the other end sees the offer and opens the same; sessions come up
 *     [old open, new joining] ──new up for a while──► [old leaving, new open]            this end sends on the new only
 *     ──in force for a while──► [old left, new open]                                     the other end is told so
 *     ──the other end says the same──► [new open]                                        device, key and session go
 *
 * Each end moves what it sends; what it receives on it takes away last, when it has been told that nothing more comes. An
 * end that hears nothing waits, with both. The state outlives a restart; where it is lost, the other end's offers say
 * what stands. Serials only grow, so the higher one is the newer at both ends, whoever began.
 *
 * `none`, where the WAN carries the prefixes itself, is a carrier like the others, in a slot that it leaves empty: up once the
 * WAN brings all that the tunnel does.
 *
 * The two forms of IPIP are one tunnel, whose device takes both: there each end changes what it sends, as soon as the other
 * takes it and it is known to pass.
 */
export interface SuccessionView {
  /** By the configuration. */
  readonly wanted: Encapsulation
  /** What does not encrypt is not kept for the time of a change. */
  readonly encrypted: boolean
  /** The other end's to this one, of the uplink that is meant. */
  readonly offers: readonly TunnelOffer[]
  /** How long all sessions over it have been up, or the WAN has brought what it is to carry; 0: they are not. */
  readonly upMs: (carrier: Carrier) => number
  /** How long the kernel and BIRD have had what these carriers say. */
  readonly inForceMs: number
  /** The newest is to be followed by another of its kind. */
  readonly renew: boolean
  /** Of an IPIP tunnel: its other form passes. */
  readonly otherPasses: boolean
  /** Of a pair that chooses by itself: this end's word that protocol 4 passes, which its choice has asked already. */
  readonly word?: boolean
}

/** Routes are there by then, and a session that flaps has shown it. */
export const SETTLE_MS = 10_000
/** For BIRD to have asked for the routes again, and for packets on their way to have come. */
export const LINGER_MS = 5000

/** The carriers after what is seen; the same object where nothing is to change. */
export function nextCarriers(before: readonly Carrier[], view: SuccessionView): readonly Carrier[] {
  const kept = before.filter(({encapsulation}) => !view.encrypted || encapsulation === 'wireguard')
  const carriers = kept.length === before.length ? before : kept
  if (carriers.length === 0) return withWord([first(view)], view)
  return withWord(followed(carriers, view) ?? retired(carriers, view) ?? begun(carriers, view) ?? carriers, view)
}

/** With what is said of the forms of IPIP; the same object where it says so already. */
function withWord(carriers: readonly Carrier[], {word, wanted}: SuccessionView): readonly Carrier[] {
  const told = carriers.map((carrier): Carrier => {
    const {encapsulation, both, ipip: _before, ...rest} = carrier
    const isTwofold = isPlain(encapsulation) && isPlain(wanted) && (word !== undefined || wanted !== encapsulation)
    const isBoth = both || isTwofold
    if (isBoth === (both ?? false) && carrier.ipip === word) return carrier
    return {...rest, encapsulation, ...(isBoth ? {both: true} : {}), ...(word === undefined ? {} : {ipip: word})}
  })
  return told.every((carrier, index) => carrier === carriers[index]) ? carriers : told
}

/** Of two tunnels between one pair of addresses the kernel can hold both. */
export function canStandBeside(one: Encapsulation, other: Encapsulation): boolean {
  return !(isPlain(one) && isPlain(other)) && !(one === 'none' && other === 'none')
}

export const isOffered = (
  carrier: Carrier,
  offers: readonly TunnelOffer[],
  sent: Encapsulation = carrier.encapsulation,
): boolean => offers.some((offer) => isSame(carrier, offer) && takes(offer, sent))

const isSame = ({slot, serial}: Carrier, offer: TunnelOffer): boolean =>
  offer.slot === slot && serialOf(offer) === serial

function first({wanted, offers}: SuccessionView): Carrier {
  const standing = newestOffer(wanted, offers)
  return standing ? opened(standing.slot, serialOf(standing), wanted) : opened(0, 0, wanted)
}

/** What the other end has opened since, of the kind that is wanted here too. */
function followed(carriers: readonly Carrier[], {wanted, offers}: SuccessionView): readonly Carrier[] | null {
  const offer = newestOffer(wanted, offers)
  if (!offer || serialOf(offer) <= highestOf(carriers)) return null
  return beside(carriers, opened(offer.slot, serialOf(offer), wanted))
}

/** The older one, step by step out of the way of a newer one that is up. */
function retired(carriers: readonly Carrier[], view: SuccessionView): readonly Carrier[] | null {
  const [old, next] = carriers
  if (!old || !next || !isOffered(next, view.offers)) return null
  const upMs = view.upMs(next)
  if (upMs === 0) return null
  if (old.phase === 'open')
    return upMs >= SETTLE_MS
      ? [
          {...old, phase: 'leaving'},
          {...next, phase: 'open'},
        ]
      : null
  if (old.phase === 'leaving') return view.inForceMs >= LINGER_MS ? [{...old, phase: 'left'}, next] : null
  const theirs = view.offers.find((offer) => isSame(old, offer))
  return !theirs || theirs.leaving ? [next] : null
}

/** Another one, where the newest is not what is wanted. */
function begun(carriers: readonly Carrier[], view: SuccessionView): readonly Carrier[] | null {
  const {wanted, offers} = view
  const newest = newestOf(carriers)
  const older = carriers.length === 2 ? carriers[0]! : null
  const isOther = newest.encapsulation !== wanted
  if (isOther && isPlain(newest.encapsulation) && isPlain(wanted)) return inOtherForm(carriers, view)
  if (!isOther && !(view.renew && older === null && canStandBeside(wanted, wanted))) return null
  const serial = 1 + Math.max(highestOf(carriers), ...offers.map(serialOf))
  const isUp = view.upMs(newest) > 0
  // What is up goes on until it is alone; then the next can stand beside it.
  if (older) return isUp ? null : instead(carriers, opened(newest.slot, serial, wanted), view)
  if (!isUp && !isOffered(newest, offers)) return [opened(newest.slot, serial, wanted)]
  return beside(carriers, opened(newest.slot === 0 ? 1 : 0, serial, wanted))
}

/** Sent in the other form of IPIP. One that is up is changed only for what passes; one that nobody takes, for what is wanted. */
function inOtherForm(carriers: readonly Carrier[], view: SuccessionView): readonly Carrier[] | null {
  const {wanted, offers, upMs, otherPasses, word} = view
  const newest = newestOf(carriers)
  const isWanted = offers.some(
    ({next, encapsulation, auto}) => auto !== undefined || [next, encapsulation].includes(wanted),
  )
  const isTaken = isOffered(newest, offers, wanted) && isWanted
  const may = isTaken ? word !== undefined || otherPasses || upMs(newest) === 0 : !isOffered(newest, offers)
  return may ? [...carriers.slice(0, -1), {...newest, encapsulation: wanted, both: true}] : null
}

/** In place of a newest that never came up: another, or none where the kernel cannot hold it beside the older one. */
function instead(carriers: readonly Carrier[], next: Carrier, {offers}: SuccessionView): readonly Carrier[] {
  const [older, given] = carriers
  const isPlainBack = isPlain(older!.encapsulation) && isPlain(next.encapsulation)
  const isBack = (isPlainBack || older!.encapsulation === next.encapsulation) && isOffered(older!, offers)
  if (!isBack || canStandBeside(older!.encapsulation, next.encapsulation)) return beside([older!], next)
  return [{...older!, after: highestOf([given!]), phase: 'open'}]
}

/** With what is in the other slot, where both can be. */
function beside(carriers: readonly Carrier[], next: Carrier): readonly Carrier[] {
  const other = carriers.find(({slot}) => slot !== next.slot)
  if (!other || !canStandBeside(other.encapsulation, next.encapsulation)) return [next]
  return [
    {...other, phase: 'open'},
    {...next, phase: 'joining'},
  ]
}

const opened = (slot: Slot, serial: number, encapsulation: Encapsulation): Carrier => ({
  ...{slot, serial, encapsulation},
  phase: 'open',
})

const highestOf = (carriers: readonly Carrier[]): number =>
  Math.max(...carriers.map(({serial, after = 0}) => Math.max(serial, after)))

const newestOf = (carriers: readonly Carrier[]): Carrier => carriers.at(-1)!

function newestOffer(wanted: Encapsulation, offers: readonly TunnelOffer[]): TunnelOffer | undefined {
  return offers
    .filter((offer) => takes(offer, wanted) && !offer.leaving)
    .toSorted((a, b) => serialOf(b) - serialOf(a))[0]
}
