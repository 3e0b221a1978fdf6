import type {Encapsulation, Slot, TunnelOffer, UplinkRef} from './site.ts'

/**
 * What carries, or is to carry, the traffic between two uplinks: one tunnel, or the next beside it in the other slot.
 *
 * `joining`: nothing is sent on it while the older one is up. `leaving`: not sent on any more where the next one is up, still
 * received on. `left`: the other end is told so.
 */
export interface Carrier {
  readonly slot: Slot
  /** Higher than that of any before it at either end: which is the newer one both ends agree on by it. */
  readonly serial: number
  readonly encapsulation: Encapsulation
  /** One that was given up here for this one had that serial: it is never gone back to. */
  readonly after?: number
  /** Of IPIP: both forms have been offered, so both are taken as long as it is there. */
  readonly both?: true
  /** Of a pair that chooses by itself: this end's word that IPIP as it is passes. */
  readonly ipip?: boolean
  readonly phase: 'joining' | 'open' | 'leaving' | 'left'
}

/** The uplinks of a tunnel, here and there. */
export type UplinkPair = `${UplinkRef} ${UplinkRef}`

/** One or two a pair, the newest last; a pair that is not named has the one that the configuration says, in slot 0. */
export type Carriers = ReadonlyMap<UplinkPair, readonly Carrier[]>

/** A remote of an earlier version says no number. */
export const serialOf = (offer: TunnelOffer): number => offer.serial ?? 0
