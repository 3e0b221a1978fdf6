import type {Server} from 'node:http'
import type {Server as TlsServer} from 'node:https'
import type {AddressInfo} from 'node:net'

/** An address may come up later than we do (a VIP, a slow link), a port be free again, a file be mended. */
const RETRY_MS = 5000

type AnyServer = Server | TlsServer

/** A server that listens where it is wanted: there, not there, or why not. It never keeps the gateway from its work. */
export interface KeptListener<W> {
  /** What is wanted from now on; settles when it is so, or known not to be. */
  set(wanted: W | null): Promise<void>
  wanted(): W | null
  /** Why it does not listen as wanted. */
  problem(): string | null
  /** The port really taken. */
  port(): number | null
  server(): AnyServer | null
  /** One thing after the other. */
  inTurn(work: () => Promise<void>): Promise<void>
  close(): Promise<void>
}

export interface KeptListenerOptions<W> {
  /** Listens, or rejects. */
  readonly open: (wanted: W) => Promise<AnyServer>
  /** What of it needs another server, where it is another. */
  readonly placeOf: (wanted: W) => unknown
}

export function createKeptListener<W>({open, placeOf}: KeptListenerOptions<W>): KeptListener<W> {
  let wanted: W | null = null
  let running: AnyServer | null = null
  let problem: string | null = null
  let turn: Promise<void> = Promise.resolve()
  let retry: NodeJS.Timeout | null = null
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    turn = turn.then(work)
    return turn
  }

  const stop = async (): Promise<void> => {
    if (retry) clearTimeout(retry)
    retry = null
    const server = running
    running = null
    if (!server) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  const start = async (): Promise<void> => {
    if (wanted === null) return
    try {
      running = await open(wanted)
      problem = null
    } catch (error) {
      problem = reasonOf(error)
      retry = setTimeout(() => void inTurn(() => (running || wanted === null ? Promise.resolve() : start())), RETRY_MS)
      retry.unref()
    }
  }

  const textOf = (of: W | null): string => JSON.stringify(of === null ? null : placeOf(of))
  return {
    set: (next) =>
      inTurn(async () => {
        const isSame = textOf(wanted) === textOf(next)
        wanted = next
        if (isSame && (running !== null || next === null)) return
        problem = null
        await stop()
        await start()
      }),
    wanted: () => wanted,
    problem: () => problem,
    port: () => (running ? (running.address() as AddressInfo).port : null),
    server: () => running,
    inTurn,
    close: () => {
      wanted = null
      return inTurn(stop)
    },
  }
}

export function listenAt(server: AnyServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({host, port}, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
