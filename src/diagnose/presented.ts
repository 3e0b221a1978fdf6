import type {Finding, FindingCode, PresentedFacts, TlsFileFacts} from '../model/index.ts'
import {EXPIRY_ERROR_MS, EXPIRY_WARNING_MS} from './certificates.ts'

const DAY_MS = 86_400_000

/** What is wrong with how an etcd answered; `tls` are the files that it was called with. */
export function judgePresented(source: string, presented: PresentedFacts, tls: TlsFileFacts, nowMs: number): Finding[] {
  const {endpoint, stage, fault, certificates} = presented
  const found = (
    code: FindingCode,
    detail: string,
    remedy: string,
    severity: Finding['severity'] = 'error',
  ): Finding => ({
    code,
    severity,
    where: {source, field: endpoint},
    detail,
    remedy,
  })
  if (stage === 'accepted' || fault === null) {
    const leaf = certificates[0]
    const left = leaf ? leaf.notAfterMs - nowMs : Number.POSITIVE_INFINITY
    if (!leaf || left >= EXPIRY_WARNING_MS) return []
    const detail = `the server's certificate ${leaf.subject} expires in ${Math.floor(left / DAY_MS)} d, on ${leaf.notAfter}`
    return [found('certificate-expiring', detail, RENEW_SERVER, left < EXPIRY_ERROR_MS ? 'error' : 'warning')]
  }
  switch (stage) {
    case 'name':
      return [found('etcd-unreachable', `its name is not known: ${fault.detail}`, 'look at the spelling and at DNS')]
    case 'tcp':
      return [found('etcd-unreachable', `no connection: ${fault.detail}`, tcpRemedy(fault.code))]
    case 'tls': {
      const clear = fault.code === 'ERR_SSL_WRONG_VERSION_NUMBER' || fault.code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG'
      const detail = clear ? 'it does not speak TLS' : `TLS fails: ${fault.detail}`
      const remedy = clear
        ? 'start that etcd with --cert-file, --key-file, --client-cert-auth'
        : 'is it an etcd at all?'
      return [found('etcd-unreachable', detail, remedy)]
    }
    case 'certificate':
      return [untrusted(fault, presented, tls, nowMs, found)]
    case 'client':
      return [refused(fault, tls, nowMs, found)]
  }
}

type Found = (code: FindingCode, detail: string, remedy: string) => Finding

const RENEW_SERVER = '`isthmus site init --renew` at that site, and etcd started anew with it'

function tcpRemedy(code: string): string {
  if (code === 'ECONNREFUSED')
    return 'nothing listens there: does etcd run, and on this address (--listen-client-urls)?'
  if (code === 'ETIMEDOUT') return 'packets are lost on the way: routes, firewalls, or the host is down'
  return 'is there a route to it?'
}

function untrusted(
  {code, detail}: NonNullable<PresentedFacts['fault']>,
  {endpoint, certificates}: PresentedFacts,
  tls: TlsFileFacts,
  nowMs: number,
  found: Found,
): Finding {
  const leaf = certificates[0]
  const late = certificates.find(({notAfterMs}) => notAfterMs <= nowMs)
  if (code === 'CERT_HAS_EXPIRED') {
    const text = late ? `the server's certificate ${late.subject} expired on ${late.notAfter}` : detail
    return found('certificate-expired', text, RENEW_SERVER)
  }
  if (code === 'CERT_NOT_YET_VALID') {
    return found('certificate-not-yet-valid', "the server's certificate is not valid yet", 'are the clocks right?')
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const text = `the server's certificate is for ${leaf?.hosts.join(', ') || 'no host at all'}, not for ${new URL(endpoint).hostname}`
    return found('certificate-host', text, 'call it by one of these, or issue it with this one as subjectAltName')
  }
  if (code === 'INVALID_PURPOSE') {
    const text = `the server's certificate is for ${leaf?.usages?.join(', ') ?? 'another use'}, not for servers (serverAuth)`
    return found('certificate-usage', text, 'issue it with extendedKeyUsage = serverAuth, clientAuth')
  }
  const issuer = certificates.at(-1)?.issuer ?? leaf?.issuer ?? 'nobody'
  const known = tls.ca.certificates.map(({subject}) => subject)
  const same = known.includes(issuer)
  const text = same
    ? `the server's certificate is signed by another ${issuer} than the one in ${tls.ca.file}`
    : `the server's certificate is signed by ${issuer}, which it does not send and ${tls.ca.file} does not have (it has ${known.join('; ') || 'nothing'})`
  const remedy = same
    ? `take the authority's certificate anew from that site into ${tls.ca.file}`
    : `put that authority (up to its root) into ${tls.ca.file}; an intermediate one belongs into etcd's --cert-file too`
  return found('certificate-untrusted', `${text} (${code})`, remedy)
}

/** A server does not say why; most reasons can be seen from here. */
function refused(
  {code, detail}: NonNullable<PresentedFacts['fault']>,
  {cert, fromCa, ca}: TlsFileFacts,
  nowMs: number,
  found: Found,
): Finding {
  const leaf = cert?.certificates[0]
  if (code === 'ETIMEDOUT')
    return found('etcd-unreachable', `it says nothing after the handshake: ${detail}`, 'is it frozen?')
  if (!cert || !leaf) {
    return found('certificate-refused', `it wants a client certificate (${code})`, 'name tls.cert and tls.key')
  }
  const text = `it refuses the client certificate ${leaf.subject} (${code})`
  if (leaf.notAfterMs <= nowMs)
    return found('certificate-refused', `${text}, which expired on ${leaf.notAfter}`, RENEW_OWN)
  if (leaf.usages && !leaf.usages.includes('clientAuth')) {
    return found(
      'certificate-refused',
      `${text}, which is not for clients`,
      'issue it with extendedKeyUsage = clientAuth',
    )
  }
  const origin = fromCa === false ? `, signed by ${leaf.issuer} and not by an authority in ${ca.file}` : ''
  return found(
    'certificate-refused',
    `${text}${origin}`,
    "it must be signed by the authority in etcd's --trusted-ca-file",
  )
}

const RENEW_OWN = 'take a new one: `isthmus site init --renew`, or a new bundle of that site (`site join --renew`)'
