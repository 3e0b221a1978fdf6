import type {IncomingMessage, ServerOptions, ServerResponse} from 'node:http'
import {type Reply, refuse, refuseForNow, type StreamReply} from './answer.ts'
import type {Caller} from './caller.ts'
import {answer, type Scope} from './dispatch.ts'
import type {RateLimits} from './rate-limits.ts'
import type {Served} from './route.ts'

/** Longer than any flow, and than a configuration of a thousand sites. */
const MAX_BODY_BYTES = 1024 * 1024
/** A request that is not whole by then is given up. */
const REQUEST_MS = 10_000

export const SERVER_OPTIONS: ServerOptions = {
  requestTimeout: REQUEST_MS,
  headersTimeout: REQUEST_MS,
  // How often Node looks for such; its own half a minute would let them stay for forty seconds.
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16 * 1024,
}

/** What every answer bears: nothing of a gateway is for a cache, nothing is guessed to be a page. */
const HEADERS = {'cache-control': 'no-store', 'x-content-type-options': 'nosniff'} as const

interface RespondOptions {
  readonly served: Served
  readonly scope: Scope
  readonly limits: RateLimits
  readonly onError: (error: unknown, request: string) => void
}

type Respond = (
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
  /** Known before anything is read. */
  refusal?: Reply | null,
) => void

/** Answers over one kind of connection; whatever comes in, it is the caller who hears what is wrong. */
export function respond({served, scope, limits, onError}: RespondOptions): Respond {
  return (request, response, caller, refusal) => {
    const {method = 'GET', url: target = ''} = request
    const title = `${method} ${target.split('?')[0]}`
    const answered = async (): Promise<Reply | StreamReply | null> => {
      try {
        const afterSeconds = limits.refuses(caller)
        if (afterSeconds !== null) return refuseForNow(429, 'asked too often', afterSeconds)
        if (refusal) return refusal
        const header = (name: string): string | undefined => request.headers[name]?.toString()
        return await answer(served, scope, {method, target, caller, header, body: () => readBody(request)})
      } catch (error) {
        if (error instanceof TooLarge) {
          const refused = refuse(413, 'too-large', `body: more than ${MAX_BODY_BYTES} bytes`, 'body')
          // The rest of it is not read, so the connection is of no more use.
          return {...refused, headers: {connection: 'close'}}
        }
        // Whoever asked is gone, or was too slow: Node has told him so.
        if (error instanceof Aborted) return null
        onError(error, title)
        return refuse(500, 'internal', 'a fault of the gateway; its log has the details')
      }
    }
    answered()
      .then(async (reply) => {
        if (reply && !response.destroyed) await send(response, method, reply)
      })
      .catch((error: unknown) => {
        onError(error, title)
        response.destroy()
      })
  }
}

async function send(response: ServerResponse, method: string, reply: Reply | StreamReply): Promise<void> {
  const headers = {...HEADERS, ...reply.headers, 'content-type': reply.contentType}
  if ('stream' in reply) {
    response.writeHead(reply.status, headers)
    if (method === 'HEAD') response.end()
    else await reply.stream(response)
    return
  }
  const content = Buffer.from(reply.body)
  response.writeHead(reply.status, {...headers, 'content-length': content.length})
  response.end(method === 'HEAD' ? undefined : content)
}

class TooLarge extends Error {}
class Aborted extends Error {}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_BODY_BYTES) throw new TooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof TooLarge) throw error
    throw new Aborted()
  }
  return Buffer.concat(chunks).toString('utf8')
}
