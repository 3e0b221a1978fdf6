import type {BirdRoute, Finding} from '../model/index.ts'
import type {Prefix} from '../net/index.ts'
import type {RoutingInput} from './input.ts'

/** Of one BGP session what BIRD says. */
export interface SessionFacts {
  readonly name: string
  readonly neighbor: string
  readonly state: string
  readonly up: boolean
  readonly imported: number
  readonly filtered: number
  readonly lastError: string | null
  readonly limitHit: {readonly limit: number} | null
}

export interface WhyNotFacts {
  readonly input: RoutingInput
  readonly findings: readonly Finding[]
  /** null: BIRD does not answer. */
  readonly bird: {
    readonly sessions: readonly SessionFacts[]
    /** Of the longest prefix that holds the one in question, all of them. */
    readonly covering: readonly BirdRoute[]
    /** Of longer prefixes inside it. */
    readonly inside: readonly BirdRoute[]
    /** Refused by import filters: of the prefix and inside it. */
    readonly filtered: readonly BirdRoute[]
  } | null
}

export interface WayStep {
  readonly step: 'owner' | 'export' | 'tunnel' | 'session' | 'announced' | 'import' | 'best' | 'kernel'
  /** null: it could not be looked at, or says nothing. */
  readonly ok: boolean | null
  readonly evidence: string
  readonly remedy?: string
}

export interface Way {
  readonly prefix: Prefix
  readonly here: boolean
  readonly why: string
  readonly steps: readonly WayStep[]
}
