import {X509Certificate} from 'node:crypto'
import type {CertificateFacts} from '../model/index.ts'

/** More in one file than any chain has; a bundle of all the world's authorities is not what a datastore's `ca` is for. */
const MAX_CERTIFICATES = 500

const USAGES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'serverAuth',
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
}

/** Every certificate of a PEM text, in its order. Throws where one of them is none. */
export function parseCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  return blocks.slice(0, MAX_CERTIFICATES).map((block) => new X509Certificate(block))
}

export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const subject = oneLine(certificate.subject)
  const usages: readonly string[] | undefined = certificate.keyUsage
  return {
    subject,
    commonName: /(?:^|\n)CN=(.*)/.exec(certificate.subject ?? '')?.[1] ?? null,
    issuer: oneLine(certificate.issuer),
    selfSigned: certificate.checkIssued(certificate),
    isCa: certificate.ca,
    hosts: [...(certificate.subjectAltName ?? '').matchAll(/(?:DNS|IP Address):([^,\s"]+)/g)].map(([, host]) => host!),
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    notAfter: dateOf(certificate.validTo),
    usages: usages?.map((usage) => USAGES[usage] ?? usage) ?? null,
    fingerprint: certificate.fingerprint256,
  }
}

/** What Date cannot read (a year beyond its range) stays as it is written. */
function dateOf(text: string): string {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? text : date.toISOString().slice(0, 10)
}

/** Node gives one attribute a line, and `undefined` for an empty name. */
const oneLine = (name: string | undefined): string => (name ?? '').trim().split('\n').join(', ')

/**
 * Follows a certificate to its root, over the others of its own file and the trusted ones. `missing` names the issuer
 * that is in neither; `trusted`: the way came to one of the trusted.
 */
export function followChain(
  leaf: X509Certificate,
  sent: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): {readonly missing: string | null; readonly trusted: boolean} {
  const isTrusted = (one: X509Certificate): boolean =>
    trusted.some(({fingerprint256}) => fingerprint256 === one.fingerprint256)
  const left = new Set([...sent, ...trusted])
  let current = leaf
  let reached = isTrusted(leaf)
  while (!current.checkIssued(current)) {
    left.delete(current)
    const issuer = [...left].find((one) => one !== current && current.checkIssued(one) && current.verify(one.publicKey))
    if (!issuer) return {missing: oneLine(current.issuer), trusted: reached}
    left.delete(issuer)
    current = issuer
    reached ||= isTrusted(current)
  }
  return {missing: null, trusted: reached}
}
