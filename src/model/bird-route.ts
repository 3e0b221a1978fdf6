import type {Prefix} from '../net/index.ts'

/** One route as BIRD tells it. A prefix may have several; BIRD uses the `best` one. */
export interface BirdRoute {
  readonly prefix: Prefix
  /** BIRD's protocol: a session of ours, a static one, … */
  readonly protocol: string
  readonly best: boolean
  /** BIRD could not put it into the kernel. */
  readonly refusedByKernel: boolean
  readonly dest: 'unicast' | 'unreachable' | 'blackhole' | 'prohibit'
  readonly via: readonly {readonly address: string | null; readonly device: string}[]
  /** BIRD's own, compared before all of BGP's attributes. */
  readonly preference: number
  /** Where BIRD was asked for everything, and the route is BGP's; else null. */
  readonly bgp: BgpAttributes | null
}

export interface BgpAttributes {
  readonly path: readonly number[]
  readonly localPref: number | null
  readonly med: number | null
  readonly origin: string | null
  /** `65535:0`, `4200000001:1:1`: standard and large ones. */
  readonly communities: readonly string[]
}
