import {createServer, get, type Server} from 'node:http'
import type {Registry} from 'prom-client'
import type {Word} from './judge.ts'

export interface Listen {
  readonly address: string
  readonly port: number
}

/** One look must end before the next one begins. */
const ANSWER_MS = 400
const MOST_BYTES = 4096

/** Tells the twin this gateway's word at `/word`, and Prometheus its metrics at `/metrics`. */
export async function tellWord(listen: Listen, word: () => Word | null, register: Registry): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, text: string): void => {
      response.writeHead(status, {'content-type': type}).end(text)
    }
    const now = word()
    if (request.method !== 'GET') answer(405, 'text/plain', 'GET only\n')
    else if (request.url === '/metrics') {
      register.metrics().then(
        (text) => answer(200, register.contentType, text),
        (error: Error) => answer(500, 'text/plain', `${error.message}\n`),
      )
    } else if (request.url !== '/word') answer(404, 'text/plain', 'there is /word and /metrics\n')
    else if (now === null) answer(503, 'text/plain', 'not yet\n')
    else answer(200, 'application/json', JSON.stringify(now))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({host: listen.address, port: listen.port}, resolve)
  })
  return server
}

/** The twin's word; null where none comes, or what comes is none. */
export function askWord({address, port}: Listen): Promise<Word | null> {
  return new Promise((resolve) => {
    const asked = get({host: address, port, path: '/word', signal: AbortSignal.timeout(ANSWER_MS)}, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
        if (text.length > MOST_BYTES) asked.destroy()
      })
      response.once('end', () => resolve(response.statusCode === 200 ? parseWord(text) : null))
      response.once('error', () => resolve(null))
    })
    asked.once('error', () => resolve(null))
    asked.once('close', () => resolve(null))
  })
}

/** Exported for its test: others write it. */
export function parseWord(text: string): Word | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const {gateway, able, why, sites, term, has} = value as Record<string, unknown>
  if (typeof gateway !== 'string' || typeof why !== 'string' || typeof has !== 'boolean') return null
  if (able !== 0 && able !== 1 && able !== 2) return null
  if (!isCount(sites) || !isCount(term)) return null
  return {gateway, able, why, sites, term, has}
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
