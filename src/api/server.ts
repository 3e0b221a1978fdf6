import {chmod, mkdir, rm} from 'node:fs/promises'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import {type AddressInfo, connect} from 'node:net'
import path from 'node:path'
import type {Address} from '../net/index.ts'
import {type Reply, refuse} from './answer.ts'
import type {GatewayView} from './gateway-view.ts'
import {createKeptLists} from './kept-lists.ts'
import {answer} from './routes.ts'

export interface ApiOptions {
  readonly view: GatewayView
  readonly socketPath: string
  readonly metrics: {readonly address: Address; readonly port: number} | null
  /** A request that failed for a fault of ours; the caller got `internal`. */
  readonly onError: (error: unknown, request: string) => void
}

export interface RunningApi {
  /** The TCP port really taken (`port: 0` leaves the choice to the kernel). */
  readonly metricsPort: number | null
  /** Ends all connections, requests under way included, and removes the socket. */
  close(): Promise<void>
}

/** Longer than any flow, and than a configuration of a thousand sites. */
const MAX_BODY_BYTES = 1024 * 1024

/**
 * Listens on the Unix socket and, for metrics, on TCP. Rejects where it cannot: a port taken, a folder that may not be
 * written, another daemon that answers on the socket. A socket file that nobody answers on is what a killed daemon left.
 */
export async function startApi({view, socketPath, metrics, onError}: ApiOptions): Promise<RunningApi> {
  await mkdir(path.dirname(socketPath), {recursive: true})
  await removeStale(socketPath)
  const api = serve(view, 'full', onError)
  await listen(api, {path: socketPath})
  await chmod(socketPath, 0o660)

  const exporter = metrics ? serve(view, 'public', onError) : null
  try {
    if (exporter && metrics) await listen(exporter, {host: metrics.address, port: metrics.port})
  } catch (error) {
    await close(api)
    throw error
  }
  return {
    metricsPort: exporter ? (exporter.address() as AddressInfo).port : null,
    close: async () => {
      await Promise.all([close(api), exporter && close(exporter)])
    },
  }
}

function serve(view: GatewayView, scope: 'full' | 'public', onError: ApiOptions['onError']): Server {
  const lists = createKeptLists(() => performance.now())
  return createServer({requestTimeout: 10_000, headersTimeout: 10_000}, (request, response) => {
    const {pathname, searchParams} = new URL(request.url ?? '/', 'http://gateway')
    answer(view, scope, {
      method: request.method ?? 'GET',
      path: pathname,
      query: searchParams,
      body: () => readBody(request),
      lists,
    })
      .catch((error: unknown) => {
        if (error instanceof TooLarge) return refuse(413, 'too-large', `more than ${MAX_BODY_BYTES} bytes`)
        onError(error, `${request.method} ${pathname}`)
        return refuse(500, 'internal', 'a fault of the gateway; its log has the details')
      })
      .then((reply) => send(response, request.method, reply))
      .catch((error: unknown) => onError(error, `${request.method} ${pathname}`))
  })
}

function send(response: ServerResponse, method: string | undefined, {status, contentType, body, headers}: Reply): void {
  const content = Buffer.from(body)
  response.writeHead(status, {...headers, 'content-type': contentType, 'content-length': content.length})
  response.end(method === 'HEAD' ? undefined : content)
}

class TooLarge extends Error {}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new TooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function listen(server: Server, where: {path: string} | {host: string; port: number}): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function removeStale(socketPath: string): Promise<void> {
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(socketPath)
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (answered) throw new Error(`another isthmus answers on ${socketPath}`)
  await rm(socketPath, {force: true})
}
