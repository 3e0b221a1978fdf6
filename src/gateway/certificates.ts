import {callServer, fileSignature, readPasswordFile, readTlsFiles} from '../certificates/index.ts'
import {judgeInsecure, judgePassword, judgePresented, judgeTlsFiles} from '../diagnose/index.ts'
import type {EtcdOptions, WatchClock} from '../etcd/index.ts'
import {
  credentialFiles,
  type Finding,
  type GatewayConfig,
  type PasswordFileFacts,
  type PresentedFacts,
  type SourceId,
  type TlsFileFacts,
} from '../model/index.ts'
import type {Expiry} from './certificate-metrics.ts'

/** Files are looked at this often, and read when they have changed. */
const FILES_MS = 10_000
/** Servers are called this often, and when our own files have changed. */
const SERVERS_MS = 300_000

export interface Certificates {
  /** As of now: what was fine an hour ago may run out. */
  findings(): readonly Finding[]
  expiries(): readonly Expiry[]
  readonly done: Promise<void>
}

interface Looked {
  readonly tls: TlsFileFacts | null
  readonly password: PasswordFileFacts | null
  readonly presented: readonly PresentedFacts[]
}

/**
 * Looks at the certificates and passwords of every datastore and site for as long as the configuration is in force. It
 * looks and tells; connections are made by those who use them.
 */
export function startCertificates({
  config,
  clock,
  wallMs,
  signal,
  onError,
}: {
  readonly config: Pick<GatewayConfig, 'datastores' | 'sites'>
  readonly clock: WatchClock
  /** Time of day: certificates know no other. */
  readonly wallMs: () => number
  readonly signal: AbortSignal
  readonly onError: (source: SourceId, error: unknown) => void
}): Certificates {
  const looked = new Map<SourceId, Looked>()
  const places = [
    ...config.datastores.map((one) => ({...one, source: `datastore/${one.name}` as const})),
    ...[...config.sites.values()].map((one) => ({...one, source: `export/${one.name}` as const})),
  ]

  async function follow(source: SourceId, etcd: EtcdOptions): Promise<void> {
    const {endpoints, tls, user} = etcd
    const files = credentialFiles(etcd)
    let signature: string | null = null
    // Not among all that a start has to do: what keeps a server from being read is told by those who read.
    let calledMs = clock.nowMs() + FILES_MS - SERVERS_MS
    while (!signal.aborted) {
      try {
        const now = await fileSignature(files)
        const changed = signature !== null && now !== signature
        signature = now
        let facts = looked.get(source)
        if (changed || !facts) {
          const read = {
            tls: tls && (await readTlsFiles(tls)),
            password: user && (await readPasswordFile(user.passwordFile)),
          }
          facts = {...read, presented: facts?.presented ?? []}
        }
        looked.set(source, facts)
        if (tls && (changed || clock.nowMs() - calledMs >= SERVERS_MS)) {
          calledMs = clock.nowMs()
          const presented = await Promise.all(endpoints.map((endpoint) => callServer(endpoint, tls, {signal})))
          looked.set(source, {...facts, presented})
        }
      } catch (error) {
        onError(source, error)
      }
      await clock.sleep(FILES_MS, signal)
    }
  }

  const following = places.flatMap((place) => (place.tls || place.user ? [follow(place.source, place)] : []))
  return {
    findings: () =>
      places.flatMap(({source, endpoints, tls, user}) => {
        const name = source.replace('/', ' ')
        const facts = looked.get(source)
        const nowMs = wallMs()
        return [
          ...judgeInsecure(name, {endpoints, tls, user}),
          ...(facts?.tls ? judgeTlsFiles(name, facts.tls, nowMs) : []),
          ...(facts?.password ? judgePassword(name, facts.password) : []),
          // That a server does not answer is told by those who read from it.
          ...(facts?.presented ?? [])
            .flatMap((presented) => (facts?.tls ? judgePresented(name, presented, facts.tls, nowMs) : []))
            .filter(({code}) => code !== 'etcd-unreachable'),
        ]
      }),
    expiries: () => [...looked].flatMap(([source, facts]) => expiriesOf(source, facts)),
    done: Promise.all(following).then(() => undefined),
  }
}

/** As judged: of an authority's file the one that lasts longest, of our chain the first, of all servers the first to end. */
function expiriesOf(source: SourceId, {tls, presented}: Looked): Expiry[] {
  const authorities = tls?.ca.certificates.map(({notAfterMs}) => notAfterMs) ?? []
  const client = tls?.cert?.certificates[0]
  const servers = presented.flatMap(({certificates}) => certificates.slice(0, 1).map(({notAfterMs}) => notAfterMs))
  return [
    ...(authorities.length > 0 ? [{source, certificate: 'ca' as const, notAfterMs: Math.max(...authorities)}] : []),
    ...(client ? [{source, certificate: 'client' as const, notAfterMs: client.notAfterMs}] : []),
    ...(servers.length > 0 ? [{source, certificate: 'server' as const, notAfterMs: Math.min(...servers)}] : []),
  ]
}
