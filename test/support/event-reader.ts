import {type ClientRequest, type IncomingMessage, request} from 'node:http'
import type {RequestOptions} from 'node:https'

export interface ReadEvent {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** A reader of server-sent events, as a browser would be one. */
export interface EventReader {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly events: readonly ReadEvent[]
  readonly comments: readonly string[]
  /** The first event that passes, of those that are there or come. */
  next(test: (event: ReadEvent) => boolean): Promise<ReadEvent>
  readonly ended: Promise<void>
  /** No byte is read from now on. */
  pause(): void
  close(): void
}

type Ask = (options: RequestOptions, answered: (incoming: IncomingMessage) => void) => ClientRequest

export function readEvents(options: RequestOptions, ask: Ask = request): Promise<EventReader> {
  return new Promise((resolve, reject) => {
    const outgoing: ClientRequest = ask({...options, agent: false}, (incoming) => {
      const events: ReadEvent[] = []
      const comments: string[] = []
      const waiting = new Set<() => void>()
      const ended = Promise.withResolvers<void>()
      let text = ''
      incoming.setEncoding('utf8').on('data', (part: string) => {
        text += part
        const blocks = text.split('\n\n')
        text = blocks.pop()!
        for (const block of blocks) {
          if (block.startsWith(':')) comments.push(block)
          const fields = new Map(block.split('\n').map((line) => [line.split(': ')[0]!, line.replace(/^\w+: /, '')]))
          const event = fields.get('event')
          if (event !== undefined) events.push({event, id: fields.get('id') ?? '', data: fields.get('data') ?? ''})
        }
        for (const look of waiting) look()
      })
      // A server that cuts is an end like any other here.
      incoming.on('error', () => ended.resolve()).on('close', () => ended.resolve())
      resolve({
        ...{status: incoming.statusCode ?? 0, headers: incoming.headers, events, comments, ended: ended.promise},
        next: (test) =>
          new Promise((found) => {
            const look = (): void => {
              const event = events.find(test)
              if (!event) return
              waiting.delete(look)
              found(event)
            }
            waiting.add(look)
            look()
          }),
        pause: () => incoming.pause(),
        close: () => outgoing.destroy(),
      })
    })
    outgoing.on('error', reject).end()
  })
}
