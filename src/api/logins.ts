import {createHash, randomBytes} from 'node:crypto'

/** What is not used within this is worth nothing. */
export const MOST_TOKEN_MINUTES = 60
/** A working day; whoever stays longer logs in again. */
const SESSION_MS = 8 * 3_600_000
const MOST_TOKENS = 100
const MOST_SESSIONS = 1000

/** `__Host-`: browsers take it only over TLS, for the whole host and for no other. */
export const COOKIE = '__Host-isthmus'

export interface Session {
  /** Of the secret enough to tell sessions apart in a log. */
  readonly name: string
  readonly untilMs: number
}

/** One-time tokens, and the sessions that they become; only in memory, so a restart ends them all. */
export interface Logins {
  makeToken(minutes: number): {readonly token: string; readonly untilMs: number}
  /** null: not a token, used before, or too late. */
  login(token: string): {readonly session: Session; readonly cookie: string} | null
  /** By the request's `cookie` header. */
  sessionOf(header: string | undefined): Session | null
  isOpen(session: Session): boolean
  logout(session: Session): void
  /** Takes the cookie away. */
  readonly goneCookie: string
}

/** Only their hashes are kept: memory that leaks lets nobody in, and looking one up takes no time that tells anything. */
const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

export function createLogins(nowMs: () => number): Logins {
  const tokens = new Map<string, number>()
  const sessions = new Map<string, Session>()

  /** The oldest goes first: whoever makes thousands has only made his own useless. */
  const put = <T>(map: Map<string, T>, key: string, value: T, most: number): void => {
    map.set(key, value)
    for (const oldest of map.keys()) {
      if (map.size <= most) break
      map.delete(oldest)
    }
  }
  const forgetOld = (): void => {
    const now = nowMs()
    for (const [hash, untilMs] of tokens) if (untilMs <= now) tokens.delete(hash)
    for (const [hash, {untilMs}] of sessions) if (untilMs <= now) sessions.delete(hash)
  }
  const cookieOf = (value: string, seconds: number): string =>
    `${COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; Secure; SameSite=Strict`

  return {
    makeToken(minutes) {
      forgetOld()
      const token = randomBytes(32).toString('base64url')
      const untilMs = nowMs() + minutes * 60_000
      put(tokens, hashOf(token), untilMs, MOST_TOKENS)
      return {token, untilMs}
    },
    login(token) {
      forgetOld()
      if (!tokens.delete(hashOf(token))) return null
      const secret = randomBytes(32).toString('base64url')
      const hash = hashOf(secret)
      const session = {name: `session ${hash.slice(0, 8)}`, untilMs: nowMs() + SESSION_MS}
      put(sessions, hash, session, MOST_SESSIONS)
      return {session, cookie: cookieOf(secret, SESSION_MS / 1000)}
    },
    sessionOf(header) {
      const given = cookieIn(header)
      if (given === null) return null
      const session = sessions.get(hashOf(given))
      return session && session.untilMs > nowMs() ? session : null
    },
    isOpen: (session) => session.untilMs > nowMs() && [...sessions.values()].includes(session),
    logout(session) {
      for (const [hash, one] of sessions) if (one === session) sessions.delete(hash)
    },
    goneCookie: cookieOf('', 0),
  }
}

/** One that is there twice is not believed: the second may come from whoever got a cookie in. */
function cookieIn(header: string | undefined): string | null {
  const values = (header ?? '').split(';').flatMap((part) => {
    const [name = '', value = ''] = part.trim().split('=', 2)
    return name === COOKIE ? [value] : []
  })
  return values.length === 1 && values[0] !== '' ? values[0]! : null
}
