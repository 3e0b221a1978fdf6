import type {X509Certificate} from 'node:crypto'
import {lookup} from 'node:dns/promises'
import {readFile} from 'node:fs/promises'
import {connect as connectTcp, isIP, type Socket} from 'node:net'
import {connect as connectTls, type TLSSocket} from 'node:tls'
import type {CertificateFacts, PresentedFacts, TlsFiles} from '../model/index.ts'
import {certificateFacts} from './facts.ts'

/** A server that has not answered a step in this time is not going to. */
const STEP_MS = 3000

/** What every client of HTTP/2 says first, with empty settings: a server that accepted us answers with its own. */
const HTTP2_PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])

interface Fault {
  readonly code: string
  readonly detail: string
}

/**
 * Calls an etcd as a client would, by hand and step by step, and tells how far it came and what the server showed. In
 * TLS 1.3 a server judges the client's certificate after the client holds the connection for made, so the handshake
 * alone proves nothing: we speak a first word and wait for the answer to it. Never rejects.
 */
export async function callServer(
  endpoint: string,
  tls: TlsFiles,
  {signal, stepMs = STEP_MS}: {readonly signal?: AbortSignal; readonly stepMs?: number} = {},
): Promise<PresentedFacts> {
  const url = new URL(endpoint)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const seen: {addresses: string[]; protocol: string | null; certificates: CertificateFacts[]} = {
    addresses: isIP(host) ? [host] : [],
    protocol: null,
    certificates: [],
  }
  let socket: Socket | null = null
  let stage: PresentedFacts['stage'] = 'name'
  const step = <T>(work: (done: (value: T) => void, failed: (fault: unknown) => void) => void): Promise<T> =>
    within(stepMs, signal, work)
  try {
    if (seen.addresses.length === 0) {
      const found = await lookup(host, {all: true})
      seen.addresses = found.map(({address}) => address)
    }
    stage = 'tcp'
    socket = await step<Socket>((done, failed) => {
      const raw = connectTcp({host, port: Number(url.port)})
      raw.once('connect', () => done(raw)).once('error', failed)
      socket = raw
    })
    stage = 'tls'
    const [ca, cert, key] = await Promise.all([tls.ca, tls.cert, tls.key].map((file) => file && readFile(file)))
    const raw = socket
    const secure = await step<TLSSocket>((done, failed) => {
      const made = connectTls({
        socket: raw,
        ...(ca ? {ca} : {}),
        ...(cert ? {cert} : {}),
        ...(key ? {key} : {}),
        ...(isIP(host) ? {} : {servername: host}),
        host,
        ALPNProtocols: ['h2'],
        // The verdict is read below; until then nothing but a greeting is said.
        rejectUnauthorized: false,
      })
      made.once('secureConnect', () => done(made)).once('error', failed)
      socket = made
    })
    socket = secure
    seen.protocol = secure.getProtocol()
    seen.certificates = chainOf(secure)
    if (!secure.authorized) {
      return {endpoint, ...seen, stage: 'certificate', fault: faultOf(secure.authorizationError)}
    }
    stage = 'client'
    await step<void>((done, failed) => {
      secure.once('data', () => done()).once('error', failed)
      secure.once('close', () => failed(new Error('the server closed the connection without a word')))
      secure.write(HTTP2_PREFACE)
    })
    return {endpoint, ...seen, stage: 'accepted', fault: null}
  } catch (error) {
    return {endpoint, ...seen, stage, fault: faultOf(error)}
  } finally {
    // A socket that is given up may still fail, and nobody is left to hear of it.
    socket?.on('error', () => socket?.destroy()).destroy()
  }
}

function within<T>(
  ms: number,
  signal: AbortSignal | undefined,
  work: (done: (value: T) => void, failed: (fault: unknown) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = setTimeout(() => reject(Object.assign(new Error(`no answer in ${ms} ms`), {code: 'ETIMEDOUT'})), ms)
    const stop = (): void => reject(signal?.reason)
    signal?.addEventListener('abort', stop, {once: true})
    const settled = (): void => {
      clearTimeout(late)
      signal?.removeEventListener('abort', stop)
    }
    work(
      (value) => {
        settled()
        resolve(value)
      },
      (fault) => {
        settled()
        reject(fault)
      },
    )
  })
}

/** The server's certificate and the issuers that it sent (and Node found in `ca`), each once. */
function chainOf(socket: TLSSocket): CertificateFacts[] {
  const chain: CertificateFacts[] = []
  let current: X509Certificate | undefined = socket.getPeerX509Certificate()
  while (current && !chain.some(({fingerprint}) => fingerprint === current?.fingerprint256)) {
    chain.push(certificateFacts(current))
    current = current.issuerCertificate
  }
  return chain
}

function faultOf(error: unknown): Fault {
  // Node gives the code of its verdict as a string where its types say Error.
  if (typeof error === 'string') return {code: error, detail: error}
  if (!(error instanceof Error)) return {code: 'unknown', detail: String(error)}
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return {code, detail: error.message.split('\n')[0]!}
}
