import type {IncomingMessage} from 'node:http'
import type {TLSSocket} from 'node:tls'
import type {ApiClientRule} from '../model/index.ts'
import {type Reply, refuse} from './answer.ts'
import {type Caller, nobody} from './caller.ts'
import type {Logins, Session} from './logins.ts'

export interface CallerSources {
  readonly logins: Logins
  /** As configured now: who is taken out is out at once. */
  readonly rules: () => readonly ApiClientRule[]
  readonly wallMs: () => number
}

/** Who asks over TLS: by the certificate if it is one of ours, else by the session of its cookie. */
export function tlsCaller(request: IncomingMessage, sources: CallerSources): Caller {
  const {logins, rules} = sources
  const socket = request.socket as TLSSocket
  const address = socket.remoteAddress ?? null
  const presented = certificateOf(socket)
  const role = presented && roleOf(presented, rules(), sources.wallMs())
  if (presented && role) {
    return {
      ...{via: 'certificate', role, name: presented.name, address, until: new Date(presented.toMs).toISOString()},
      isStill: () => roleOf(presented, rules(), sources.wallMs()) === role,
    }
  }
  const session = logins.sessionOf(request.headers.cookie)
  return session ? sessionCaller(session, logins, address) : nobody(address)
}

const sessionCaller = (session: Session, logins: Logins, address: string | null): Caller => ({
  ...{via: 'session', role: 'viewer', name: session.name, address, until: new Date(session.untilMs).toISOString()},
  isStill: () => logins.isOpen(session),
})

interface Presented {
  readonly name: string
  readonly commonName: string | null
  /** SHA-256 over the whole, 64 hex digits. */
  readonly fingerprint: string
  /** Its chain ends at `api.tls.clientCa`. */
  readonly isOfAuthority: boolean
  readonly fromMs: number
  readonly toMs: number
}

function certificateOf(socket: TLSSocket): Presented | null {
  const certificate = socket.getPeerCertificate()
  if (certificate === null || certificate.fingerprint256 === undefined) return null
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  // A subject may name several, and then it is none that a rule can mean.
  const commonName = typeof certificate.subject?.CN === 'string' ? certificate.subject.CN : null
  return {
    ...{commonName, fingerprint, isOfAuthority: socket.authorized},
    name: `certificate ${commonName === null ? '' : `CN=${commonName} `}${fingerprint.slice(0, 16)}`,
    fromMs: Date.parse(certificate.valid_from),
    toMs: Date.parse(certificate.valid_to),
  }
}

function roleOf(presented: Presented, rules: readonly ApiClientRule[], nowMs: number): Caller['role'] {
  if (nowMs < presented.fromMs || nowMs >= presented.toMs) return null
  const rule = rules.find((one) =>
    'fingerprint' in one
      ? one.fingerprint === presented.fingerprint
      : presented.isOfAuthority && one.commonName === presented.commonName,
  )
  return rule?.role ?? null
}

/**
 * A browser sends cookies and certificates with requests that another site has made it send; it says so itself. Programs
 * say nothing, and need not.
 */
export function refuseForeignOrigin({method, headers}: IncomingMessage): Reply | null {
  if (method === 'GET' || method === 'HEAD') return null
  const {origin, host} = headers
  const site = headers['sec-fetch-site']
  const isForeign = origin !== undefined && (host === undefined || origin !== `https://${host}`)
  if (!isForeign && (site === undefined || site === 'same-origin' || site === 'none')) return null
  return refuse(
    403,
    'wrong-origin',
    "asked for by another site's page",
    isForeign ? 'header.origin' : 'header.sec-fetch-site',
  )
}
