import {readFile} from 'node:fs/promises'
import type {RequestListener} from 'node:http'
import {createServer, type Server, type ServerOptions} from 'node:https'
import type {ApiListen} from '../model/index.ts'
import {createKeptListener, type KeptListener, listenAt, reasonOf} from './kept-listener.ts'

/** Certificates that somebody renews are taken without a restart. */
const REREAD_MS = 60_000

/** The API over TCP. */
export interface TlsListener extends Pick<KeptListener<ApiListen>, 'set' | 'wanted' | 'problem' | 'port' | 'close'> {
  reread(): Promise<void>
}

export interface TlsListenerOptions {
  readonly listener: RequestListener
  readonly server: ServerOptions
}

interface Secrets {
  readonly cert: string
  readonly key: string
  readonly ca?: string
}

export function createTlsListener({listener, server: options}: TlsListenerOptions): TlsListener {
  let running: {readonly server: Server; readonly of: ApiListen; secrets: Secrets} | null = null
  /** Of certificates that are not taken. */
  let trouble: string | null = null
  const kept = createKeptListener<ApiListen>({
    async open(of) {
      trouble = null
      const secrets = await readSecrets(of)
      const server = createServer({...options, ...TLS, ...secrets, handshakeTimeout: HANDSHAKE_MS}, listener)
      server.maxConnections = MOST_CONNECTIONS
      await listenAt(server, of.address, of.port)
      running = {server, of, secrets}
      return server
    },
    placeOf: ({clients: _, ...place}) => place,
  })

  const reread = async (): Promise<void> => {
    if (!running || kept.server() !== running.server) return
    try {
      const secrets = await readSecrets(running.of)
      if (JSON.stringify(secrets) !== JSON.stringify(running.secrets)) {
        running.server.setSecureContext({...TLS, ...secrets})
        // Whose certificate is of the authority was judged when they connected.
        if (secrets.ca !== running.secrets.ca) running.server.closeAllConnections()
        running.secrets = secrets
      }
      trouble = null
    } catch (error) {
      trouble = `still with the certificate of before: ${reasonOf(error)}`
    }
  }
  const rereading = setInterval(() => void kept.inTurn(reread), REREAD_MS)
  rereading.unref()

  return {
    set: kept.set,
    wanted: kept.wanted,
    problem: () => kept.problem() ?? (kept.server() === null ? null : trouble),
    port: kept.port,
    reread: () => kept.inTurn(reread),
    close: () => {
      clearInterval(rereading)
      return kept.close()
    },
  }
}

/** Everyone is let in that far: without a certificate of ours one may still log in. What it is worth is judged by request. */
const TLS = {minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false} as const
/** Who is not through with it by then is cut; of the others there may be so many, or files would run out. */
const HANDSHAKE_MS = 10_000
export const MOST_CONNECTIONS = 1000

async function readSecrets({cert, key, clientCa}: ApiListen): Promise<Secrets> {
  const [certText, keyText, caText] = await Promise.all([
    readFile(cert, 'utf8'),
    readFile(key, 'utf8'),
    clientCa === null ? null : readFile(clientCa, 'utf8'),
  ])
  return {cert: certText, key: keyText, ...(caText === null ? {} : {ca: caText})}
}
