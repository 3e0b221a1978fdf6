import type {Problem} from './problem.ts'

/** Whom the session of BGP is with. */
export type SessionWith = 'tunnel' | 'wan' | 'node' | 'twin'

/** One neighbour of BGP, whatever it is for; `sessions` has BIRD's own words. */
export interface PeerRow {
  /** A WAN router as configured, a tunnel, a node, the twin. */
  readonly name: string
  readonly kind: SessionWith
  /** BIRD's protocol. */
  readonly session: string
  readonly address: string
  readonly as: number | null
  /** BIRD's word; `absent`: BIRD has no such session. */
  readonly state: string
  readonly up: boolean
  readonly since: string | null
  /** null: no BFD with it. */
  readonly bfd: boolean | null
  readonly received: number
  readonly accepted: number
  readonly filtered: number
  readonly exported: number
  /** Prefixes that it may announce; null: as many as it likes. */
  readonly limit: number | null
  readonly overLimit: boolean
  readonly lastError: string | null
}

/** One route of BIRD's; a prefix may have several. */
export interface RouteRow {
  /** The prefix. */
  readonly name: string
  /** It is the one in use. */
  readonly best: boolean
  /** The site that the prefix belongs to; null: to none. */
  readonly site: string | null
  /** What it came by: a session's kind, or what Isthmus or the kernel has by itself. */
  readonly kind: SessionWith | 'static' | 'connected'
  /** BIRD's protocol. */
  readonly protocol: string
  /** As `get peers` names it; null: no session. */
  readonly peer: string | null
  readonly dest: 'unicast' | 'unreachable' | 'blackhole' | 'prohibit'
  readonly via: readonly {readonly address: string | null; readonly device: string}[]
  /** The kernel did not take it. */
  readonly refusedByKernel: boolean
  readonly preference: number
  /** Of BGP, where one prefix or address was asked for; else null. */
  readonly bgp: {
    readonly path: readonly number[]
    readonly localPref: number | null
    readonly med: number | null
    readonly origin: string | null
    readonly communities: readonly string[]
  } | null
}

/** One step on the way from a site's announcement to a route here. */
export interface WhyNotStep {
  readonly step: 'owner' | 'export' | 'tunnel' | 'session' | 'announced' | 'import' | 'best' | 'kernel'
  /** null: it could not be looked at, or says nothing. */
  readonly ok: boolean | null
  /** What was seen. */
  readonly evidence: string
  /** What to do, or to look at next. */
  readonly remedy?: string
}

export interface WhyNot {
  readonly prefix: string
  /** There is a way to all of it that packets take. */
  readonly here: boolean
  /** In short: the first step that fails, or how it is here. */
  readonly why: string
  readonly steps: readonly WhyNotStep[]
}

export type WhyNotResult = {readonly ok: true; readonly answer: WhyNot} | ({readonly ok: false} & Problem)
