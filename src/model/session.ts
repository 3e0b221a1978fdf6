import {createHash} from 'node:crypto'

/** Whom a BGP session is with: a remote gateway over a tunnel, a router of the WAN, a node of the own clusters, or the site's other gateway. */
export type SessionKind = 'tunnel' | 'wan' | 'node' | 'twin'

const PREFIXES: Readonly<Record<SessionKind, string>> = {tunnel: 'tun_', wan: 'wan_', node: 'node_', twin: 'twin_'}

/**
 * The name of BIRD's protocol for a session: what is configured, what is read back, and what metrics are joined by.
 *
 * Made from identity, never from position. BIRD's names are letters, digits and `_`, 64 at most, so `name` is cut and
 * the whole `identity` follows as a hash; the prefix alone tells the kind.
 */
export function sessionName(kind: SessionKind, name: string, identity: string): string {
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '_')
    .slice(0, 32)
  return `${PREFIXES[kind]}${readable}_${shortHash(identity)}`
}

/** All sessions of a kind, as BIRD matches names. */
export const sessionsOf = (kind: SessionKind): string => `${PREFIXES[kind]}*`

/** The kind of one of our sessions by its name; null for a protocol that is no session of ours. */
export function sessionKind(name: string): SessionKind | null {
  for (const kind of ['tunnel', 'wan', 'node', 'twin'] as const) if (name.startsWith(PREFIXES[kind])) return kind
  return null
}

/** Six hex digits that stand for a whole identity where a name has no room for it. */
export function shortHash(identity: string): string {
  return createHash('sha256').update(identity).digest('hex').slice(0, 6)
}

/** BIRD tells whole seconds, and of one moment now the one and now the next; a session that was lost is not back within a second. */
const SAME_MS = 1500

/** Whether what is up since this moment began anew, where it was seen to be up since that one; null: not known, which proves nothing. */
export const beganLater = (sinceMs: number | null, beforeMs: number | null): boolean =>
  sinceMs !== null && beforeMs !== null && sinceMs - beforeMs > SAME_MS
