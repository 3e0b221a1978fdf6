import type {CertificateOrder, SiteName, TlsFileFacts} from '../model/index.ts'
import {parseAddress} from '../net/index.ts'
import {ADMIN_USER, GATEWAY_USER} from './rights.ts'

export interface SiteWish {
  readonly site: SiteName
  /** etcd members, each with the names and addresses at which it is called. */
  readonly servers: readonly {readonly name: string; readonly hosts: readonly string[]}[]
  /** Users of Calico's own components in this etcd. */
  readonly calicoUsers: readonly string[]
}

const DAYS = {authority: 3650, other: 365} as const
const DAY_MS = 86_400_000
/** From here on `--renew` makes them new. An authority goes first: what it signs must not outlive it. */
const RENEW_BEFORE_MS = {authority: 400 * DAY_MS, other: 30 * DAY_MS} as const

/**
 * The authority of clients and servers, and one of its own for etcd's peers: who can call himself a client must not be
 * able to call himself a member. An etcd also calls itself with its server certificate, so that one is good for both; it
 * bears no common name, or whoever holds it would be the user of that name.
 */
export function wantedCertificates({site, servers, calicoUsers}: SiteWish): CertificateOrder[] {
  const organisation = `isthmus ${site}`
  const authority = (name: string, commonName: string): CertificateOrder => ({
    ...{name, subject: {organisation, commonName}, hosts: [], authority: true, usages: []},
    ...{days: DAYS.authority, issuer: null, sameKey: false},
  })
  const member = (name: string, hosts: readonly string[], issuer: string): CertificateOrder => ({
    ...{name, subject: {organisation, commonName: null}, hosts, authority: false, usages: ['serverAuth', 'clientAuth']},
    ...{days: DAYS.other, issuer, sameKey: false},
  })
  return [
    authority('ca', `isthmus ${site} etcd`),
    ...(servers.length > 0 ? [authority('peer-ca', `isthmus ${site} etcd peers`)] : []),
    ...servers.flatMap(({name, hosts}) => [
      member(`etcd-${name}`, withLoopback(hosts), 'ca'),
      member(`peer-${name}`, hosts, 'peer-ca'),
    ]),
    userCertificate(site, 'admin', ADMIN_USER),
    userCertificate(site, 'gateway', GATEWAY_USER),
    ...calicoUsers.map((user) => userCertificate(site, `calico-${user}`, user)),
  ]
}

export function userCertificate(site: SiteName, name: string, user: string): CertificateOrder {
  return {
    ...{name, subject: {organisation: `isthmus ${site}`, commonName: user}, hosts: [], authority: false},
    ...{usages: ['clientAuth'], days: DAYS.other, issuer: 'ca', sameKey: false},
  }
}

/** etcd's own tools, and a gateway on the same machine, call it there. */
const withLoopback = (hosts: readonly string[]): string[] => [...new Set([...hosts, 'localhost', '127.0.0.1', '::1'])]

/** What is in the folder of one certificate, its key, and the authority that should have signed it. */
export type HeldCertificate = Required<Pick<TlsFileFacts, 'ca' | 'fromCa'>> & {
  readonly cert: NonNullable<TlsFileFacts['cert']>
  readonly key: NonNullable<TlsFileFacts['key']>
}

export interface FolderStep {
  readonly order: CertificateOrder
  /** `renewable`: `--renew` would make it new. `refuse`: it is not ours to write over. */
  readonly action: 'create' | 'renew' | 'keep' | 'renewable' | 'refuse'
  readonly reason: string
}

/** What to do about each certificate, in an order in which authorities come before what they sign. */
export function planFolder(
  wanted: readonly CertificateOrder[],
  held: ReadonlyMap<string, HeldCertificate>,
  {nowMs, renew}: {readonly nowMs: number; readonly renew: boolean},
): FolderStep[] {
  const made = new Set<string>()
  const steps: FolderStep[] = []
  for (const order of wanted) {
    const step = planCertificate(order, held.get(order.name), nowMs, renew)
    if (step.action === 'create') made.add(order.name)
    // A new authority with what an older one signed: somebody took its certificate away.
    const orphan = order.issuer !== null && made.has(order.issuer) && step.action !== 'create'
    steps.push(orphan ? {order, action: 'refuse', reason: `${order.issuer}.pem, which signed it, is not here`} : step)
  }
  return steps
}

function planCertificate(
  order: CertificateOrder,
  held: HeldCertificate | undefined,
  nowMs: number,
  renew: boolean,
): FolderStep {
  const absent = (fault: {code: string} | null): boolean => fault?.code === 'missing'
  if (!held || (absent(held.cert.fault) && absent(held.key.fault)))
    return {order, action: 'create', reason: 'not there'}
  const keyIsAway = absent(held.key.fault) && order.authority
  const broken =
    (held.cert.fault && `${held.cert.file}: ${held.cert.fault.detail}`) ??
    (held.key.fault && !keyIsAway ? `${held.key.file}: ${held.key.fault.detail}` : null) ??
    (held.key.matches === false ? `${held.key.file} is not the key of ${held.cert.file}` : null)
  const certificate = held.cert.certificates[0]
  if (broken !== null || !certificate) return {order, action: 'refuse', reason: broken ?? 'empty'}
  const stale = staleness(order, certificate, held, nowMs)
  if (stale === null) return {order, action: 'keep', reason: `until ${certificate.notAfter}`}
  if (!renew) return {order, action: 'renewable', reason: stale}
  if (keyIsAway) return {order, action: 'refuse', reason: `${stale}, and ${held.key.file} is not here`}
  // An authority keeps its key: everything that it has signed stays good, here and at the other sites.
  return {order: {...order, sameKey: order.authority}, action: 'renew', reason: stale}
}

function staleness(
  order: CertificateOrder,
  certificate: HeldCertificate['cert']['certificates'][number],
  held: HeldCertificate,
  nowMs: number,
): string | null {
  const left = certificate.notAfterMs - nowMs
  if (left < 0) return `expired on ${certificate.notAfter}`
  if (left < RENEW_BEFORE_MS[order.authority ? 'authority' : 'other']) return `expires on ${certificate.notAfter}`
  // An authority may be somebody else's, put here on purpose; what it is named is its own business.
  if (order.authority) return null
  if (held.fromCa === false) return `not signed by ${held.ca.file}`
  if (certificate.commonName !== order.subject.commonName) return `names ${certificate.commonName ?? 'nobody'}`
  const lacking = order.hosts.filter((host) => !certificate.hosts.some((one) => sameHost(one, host)))
  return lacking.length > 0 ? `lacks ${lacking.join(', ')}` : null
}

/** OpenSSL prints IPv6 addresses in full: `0:0:0:0:0:0:0:1`. */
function sameHost(a: string, b: string): boolean {
  const plain = (host: string): string => parseAddress(host) ?? host.toLowerCase()
  return plain(a) === plain(b)
}
