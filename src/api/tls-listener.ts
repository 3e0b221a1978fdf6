import {readFile} from 'node:fs/promises'
import type {RequestListener} from 'node:http'
import {createServer, type Server, type ServerOptions} from 'node:https'
import type {AddressInfo} from 'node:net'
import type {ApiListen} from '../model/index.ts'

/** An address may come up later than we do (a VIP, a slow link), and a certificate be mended. */
const RETRY_MS = 5000
/** Certificates that somebody renews are taken without a restart. */
const REREAD_MS = 60_000

/** The API over TCP: there, not there, or why not. It never keeps the gateway from its work. */
export interface TlsListener {
  /** What is wanted from now on; settles when it is so, or known not to be. */
  set(wanted: ApiListen | null): Promise<void>
  wanted(): ApiListen | null
  /** Why it does not listen as wanted. */
  problem(): string | null
  /** The port really taken. */
  port(): number | null
  reread(): Promise<void>
  close(): Promise<void>
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
  let wanted: ApiListen | null = null
  let running: {readonly server: Server; readonly of: ApiListen; secrets: Secrets} | null = null
  let problem: string | null = null
  /** One thing after the other. */
  let turn: Promise<void> = Promise.resolve()
  let retry: NodeJS.Timeout | null = null
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    turn = turn.then(work)
    return turn
  }

  const stop = async (): Promise<void> => {
    if (retry) clearTimeout(retry)
    retry = null
    const server = running?.server
    running = null
    if (!server) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  const start = async (): Promise<void> => {
    if (!wanted) return
    const of = wanted
    try {
      const secrets = await readSecrets(of)
      const server = createServer({...options, ...TLS, ...secrets, handshakeTimeout: HANDSHAKE_MS}, listener)
      server.maxConnections = MOST_CONNECTIONS
      await listen(server, of)
      running = {server, of, secrets}
      problem = null
    } catch (error) {
      problem = reasonOf(error)
      retry = setTimeout(() => void inTurn(() => (running || !wanted ? Promise.resolve() : start())), RETRY_MS)
      retry.unref()
    }
  }

  const reread = async (): Promise<void> => {
    if (!running) return
    try {
      const secrets = await readSecrets(running.of)
      if (JSON.stringify(secrets) !== JSON.stringify(running.secrets)) {
        running.server.setSecureContext({...TLS, ...secrets})
        running.secrets = secrets
      }
      problem = null
    } catch (error) {
      problem = `still with the certificate of before: ${reasonOf(error)}`
    }
  }
  const rereading = setInterval(() => void inTurn(reread), REREAD_MS)
  rereading.unref()

  return {
    set: (next) =>
      inTurn(async () => {
        const isSame = JSON.stringify(placeOf(wanted)) === JSON.stringify(placeOf(next))
        wanted = next
        if (isSame && (running !== null || next === null)) return
        problem = null
        await stop()
        await start()
      }),
    wanted: () => wanted,
    problem: () => problem,
    port: () => (running ? (running.server.address() as AddressInfo).port : null),
    reread: () => inTurn(reread),
    close: () => {
      clearInterval(rereading)
      wanted = null
      return inTurn(stop)
    },
  }
}

/** Everyone is let in that far: without a certificate of ours one may still log in. What it is worth is judged by request. */
const TLS = {minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false} as const
/** Who is not through with it by then is cut; of the others there may be so many, or files would run out. */
const HANDSHAKE_MS = 10_000
export const MOST_CONNECTIONS = 1000

const placeOf = (wanted: ApiListen | null): Omit<ApiListen, 'clients'> | null => {
  if (!wanted) return null
  const {clients: _, ...place} = wanted
  return place
}

async function readSecrets({cert, key, clientCa}: ApiListen): Promise<Secrets> {
  const [certText, keyText, caText] = await Promise.all([
    readFile(cert, 'utf8'),
    readFile(key, 'utf8'),
    clientCa === null ? null : readFile(clientCa, 'utf8'),
  ])
  return {cert: certText, key: keyText, ...(caText === null ? {} : {ca: caText})}
}

function listen(server: Server, {address, port}: ApiListen): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({host: address, port}, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
