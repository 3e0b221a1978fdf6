import {
  type Carrier,
  type Encapsulation,
  serialOf,
  type TunnelOffer,
  takes,
  type UplinkName,
} from '../../src/model/index.ts'
import {formsOffered} from '../../src/tunnels/forms.ts'
import {nextCarriers} from '../../src/tunnels/index.ts'
import type {Pair} from '../../src/tunnels/tunnel-parts.ts'

/** One end of a pair of uplinks: what it has written down, what its kernel and BIRD have, what it told, what it heard. */
export interface End {
  wanted: Encapsulation
  encrypted: boolean
  renew: boolean
  carriers: readonly Carrier[]
  applied: readonly Carrier[]
  appliedAtMs: number
  /** Serials of the tunnels that the kernel has. */
  devices: readonly number[]
  told: readonly TunnelOffer[]
  heard: readonly TunnelOffer[]
  /** Since when the session of each tunnel is seen up, by serial. */
  upSince: Map<number, number>
}

export const newEnd = (wanted: Encapsulation): End => ({
  ...{
    wanted,
    encrypted: false,
    renew: false,
    carriers: [],
    applied: [],
    appliedAtMs: 0,
    devices: [],
    told: [],
    heard: [],
  },
  upSince: new Map(),
})

/** Two ends and the time: a world in which every step of either may come at any moment, or be cut off. */
export class TwoEnds {
  readonly ends: readonly [End, End]
  /** What passes nobody's sessions: serials of tunnels that do not carry. */
  readonly cut = new Set<number>()
  /** Whether the form of IPIP that is tried passes. */
  otherPasses = true
  nowMs = 0
  lost: string[] = []

  constructor(a: Encapsulation, b: Encapsulation) {
    this.ends = [newEnd(a), newEnd(b)]
  }

  /** A look: the pure machine, written down. */
  decide(index: 0 | 1): void {
    const end = this.ends[index]
    this.#look(end)
    end.carriers = nextCarriers(end.carriers, {
      wanted: end.wanted,
      encrypted: end.encrypted,
      offers: end.heard,
      upMs: ({serial}) => this.#upMs(end, serial),
      inForceMs: end.applied === end.carriers ? this.nowMs - end.appliedAtMs : 0,
      otherPasses: this.otherPasses && this.#bothTakeBoth(),
      renew: end.renew && this.#upMs(end, end.carriers.at(-1)?.serial ?? -1) > 0,
    })
    if (end.carriers.length > 1) end.renew = false
  }

  /** The kernel and BIRD are made so, as far as the other end's offer is heard. */
  apply(index: 0 | 1): void {
    const end = this.ends[index]
    const sent = this.#sendsOn(this.ends[index === 0 ? 1 : 0])
    if (end.applied !== end.carriers) end.appliedAtMs = this.nowMs
    end.applied = end.carriers
    const before = end.devices
    end.devices = end.applied.flatMap((one) => {
      // Prefixes are told to the WAN, and taken from it, whatever the other end says.
      if (one.encapsulation === 'none') return [one.serial]
      const theirs = end.heard.find((offer) => offer.slot === one.slot && serialOf(offer) === one.serial)
      return theirs && takes(theirs, one.encapsulation) ? [one.serial] : []
    })
    this.#lookForDeaf()
    const gone = before.filter((serial) => !end.devices.includes(serial))
    for (const serial of gone)
      if (sent.includes(serial)) this.lost.push(`${serial} goes at ${index}, the other sends on it`)
    this.#look(end)
  }

  tell(index: 0 | 1): void {
    const end = this.ends[index]
    end.told = end.applied.map((one) => offerOf(end, one))
  }

  hear(index: 0 | 1): void {
    this.ends[index].heard = this.ends[index === 0 ? 1 : 0].told
  }

  /** What was not written down is forgotten; kernel and BIRD go on. */
  restart(index: 0 | 1): void {
    this.ends[index].upSince.clear()
    this.ends[index].appliedAtMs = this.nowMs
  }

  pass(ms: number): void {
    this.nowMs += ms
    for (const end of this.ends) this.#look(end)
  }

  settle(): void {
    for (let round = 0; round < 60; round++) {
      for (const index of [0, 1] as const) {
        this.hear(index)
        this.decide(index)
        this.apply(index)
        this.tell(index)
      }
      this.pass(5000)
    }
  }

  /** Tunnels that carry. */
  up(): number[] {
    const [a, b] = this.ends
    return a.devices.filter((serial) => b.devices.includes(serial) && !this.cut.has(serial))
  }

  #bothTakeBoth(): boolean {
    return this.ends.every(
      ({told}) => told.length === 1 && ['ipip', 'fou'].every((form) => takes(told[0]!, form as Encapsulation)),
    )
  }

  /** What is sent in UDP needs a port at the other end, which is there as long as that end says that it takes it. */
  #lookForDeaf(): void {
    for (const index of [0, 1] as const) {
      const [end, other] = [this.ends[index], this.ends[index === 0 ? 1 : 0]]
      for (const one of end.applied.filter(({serial}) => this.up().includes(serial))) {
        const theirs = other.applied.find(({serial}) => serial === one.serial)!
        if (one.encapsulation === 'fou' && !takes(offerOf(other, theirs), 'fou'))
          this.lost.push(`${index} sends ${one.serial} in UDP, the other has no port`)
      }
    }
  }

  #look(end: End): void {
    const up = this.up()
    for (const serial of end.upSince.keys()) if (!up.includes(serial)) end.upSince.delete(serial)
    for (const serial of up) if (!end.upSince.has(serial)) end.upSince.set(serial, this.nowMs)
  }

  #upMs(end: End, serial: number): number {
    const since = end.upSince.get(serial)
    return since === undefined ? 0 : Math.max(1, this.nowMs - since)
  }

  /** All whose session is up, but for those that another that is up has made way for. */
  #sendsOn(end: End): number[] {
    const up = end.applied.filter(({serial}) => this.up().includes(serial))
    const first = up.filter(({phase}) => phase === 'open')
    return (first.length > 0 ? first : up).map(({serial}) => serial)
  }
}

function offerOf({wanted}: End, one: Carrier): TunnelOffer {
  const {slot, serial, encapsulation, phase} = one
  const remote = {address: '192.0.2.1', public: null}
  const forms = formsOffered({site: {encapsulation: wanted}, encapsulation, carrier: one, remote} as Pair)
  return {
    ...{slot, uplink: 'wan' as UplinkName, encapsulation, publicKey: null, port: null, port6: null, serial},
    ...(phase === 'left' ? {leaving: true as const} : {}),
    ...forms,
  }
}
