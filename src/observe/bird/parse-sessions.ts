import {type BirdReply, replyCode} from '../../bird/index.ts'
import {type SessionKind, sessionKind} from '../../model/index.ts'

/** One BGP session of ours, as BIRD tells it. Counts are of routes now, not of messages. */
export interface BgpSessionState {
  readonly name: string
  readonly kind: SessionKind
  /** RFC 4271's states: `Established`, `Active`, `Connect`, `Idle`, …; BIRD's `down` when the protocol is off. */
  readonly state: string
  readonly up: boolean
  /** Since when in this state, in milliseconds; null where BIRD's time format is another than ours. */
  readonly sinceMs: number | null
  readonly neighbor: string
  readonly as: number | null
  /** The other end has gone and its routes are kept until it is back (RFC 4724). */
  readonly gracefulRestart: boolean
  readonly imported: number
  readonly filtered: number
  readonly received: number
  readonly exported: number
  readonly preferred: number
  readonly lastError: string | null
  /** Prefixes that it may announce, after the import filter; null: as many as it likes. */
  readonly maxPrefixes: number | null
  /** It announces more than it may; null: it does not. */
  readonly limitHit: LimitHit | null
}

export interface LimitHit {
  /** Before or after the import filter. */
  readonly of: 'received' | 'imported'
  readonly limit: number
  /** BIRD's word: `warn`, `block`, `restart`, `disable`. */
  readonly action: string
}

/** The sessions with our names in the answer to `show protocols all`, sorted; other protocols are not ours to report. */
export function parseSessions(reply: BirdReply): BgpSessionState[] {
  const sessions: BgpSessionState[] = []
  let row: Row | null = null
  let details: string[] = []
  const finish = (): void => {
    const kind = row && sessionKind(row.name)
    if (row && kind && row.protocol === 'BGP') sessions.push(sessionOf(row, kind, details))
  }
  for (const {code, text} of reply.lines) {
    if (code === replyCode.protocol) {
      finish()
      row = parseRow(text)
      details = []
    } else if (code === replyCode.protocolDetails) {
      details.push(text)
    }
  }
  finish()
  return sessions.sort((a, b) => (a.name < b.name ? -1 : 1))
}

interface Row {
  readonly name: string
  readonly protocol: string
  readonly state: string
  readonly sinceMs: number | null
}

/** `NAME PROTO TABLE STATE SINCE INFO`, by columns of words; since is two words in our time format. */
function parseRow(text: string): Row | null {
  const [name, protocol, _table, state, date, time] = text.trim().split(/\s+/)
  if (name === undefined || protocol === undefined || state === undefined) return null
  return {name, protocol, state, sinceMs: parseTime(date, time)}
}

/** BIRD writes the machine's local time, and so does Date read a text without zone. */
export function parseTime(date = '', time = ''): number | null {
  if (!/^\d{4}-\d\d-\d\d$/.test(date) || !/^\d\d:\d\d:\d\d(\.\d+)?$/.test(time)) return null
  const ms = Date.parse(`${date}T${time}`)
  return Number.isNaN(ms) ? null : ms
}

function sessionOf(row: Row, kind: SessionKind, details: readonly string[]): BgpSessionState {
  const field = (label: string): string | null => {
    const line = details.find((text) => text.trimStart().startsWith(`${label}:`))
    return line === undefined ? null : line.slice(line.indexOf(':') + 1).trim()
  }
  const routes = field('Routes') ?? ''
  const count = (what: string): number => Number(new RegExp(`(\\d+) ${what}`).exec(routes)?.[1] ?? 0)
  const as = field('Neighbor AS')
  const state = field('BGP state') ?? row.state
  return {
    name: row.name,
    kind,
    state,
    up: state === 'Established',
    sinceMs: row.sinceMs,
    // `ADDRESS%DEVICE` where the configuration names the device.
    neighbor: (field('Neighbor address') ?? '').replace(/%.*$/, ''),
    as: as === null ? null : Number(as),
    gracefulRestart: details.some((text) => text.trim() === 'Neighbor graceful restart active'),
    imported: count('imported'),
    filtered: count('filtered'),
    received: count('imported') + count('filtered'),
    exported: count('exported'),
    preferred: count('preferred'),
    lastError: field('Last error'),
    maxPrefixes: maxPrefixesOf(details),
    limitHit: limitHitOf(details),
  }
}

/** The lowest of its families, which have one limit. */
function maxPrefixesOf(details: readonly string[]): number | null {
  const limits = details.flatMap((text) => /^\s*Import limit:\s+(\d+)/.exec(text)?.[1] ?? [])
  return limits.length === 0 ? null : Math.min(...limits.map(Number))
}

/** Of both the one that the configuration names: the other is made of it. */
function limitHitOf(details: readonly string[]): LimitHit | null {
  const hits = details.flatMap((text, index): LimitHit[] => {
    const [, what, limit] = /^\s*(Receive|Import) limit:\s+(\d+) \[HIT\]/.exec(text) ?? []
    if (what === undefined) return []
    const action = /^\s*Action:\s+(\S+)/.exec(details[index + 1] ?? '')?.[1] ?? ''
    return [{of: what === 'Receive' ? 'received' : 'imported', limit: Number(limit), action}]
  })
  return hits.find(({of}) => of === 'imported') ?? hits[0] ?? null
}
