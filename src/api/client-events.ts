import type {IncomingMessage, request} from 'node:http'
import type {RequestOptions} from 'node:https'
import type {Answer} from './client.ts'

/** One of `GET /v1/events`: `status`, `log` or `resync`. */
export interface GatewayEvent {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** A gateway that says nothing for so long, not even that it is there, is as good as gone. */
const SILENT_MS = 40_000

/** Events as they come, until the connection ends for whatever reason; or why there are none. */
export function openEvents(
  ask: typeof request,
  options: RequestOptions,
  refusal: (status: number, text: string) => Answer<never>,
): Promise<Answer<AsyncIterable<GatewayEvent>>> {
  return new Promise((resolve) => {
    const fail = ({message}: Error): void => resolve({ok: false, code: 'unreachable', message, findings: []})
    const outgoing = ask({...options, path: '/v1/events', timeout: SILENT_MS, agent: false}, (incoming) => {
      if (incoming.statusCode === 200) return resolve({ok: true, value: eventsIn(incoming)})
      textOf(incoming).then((text) => resolve(refusal(incoming.statusCode ?? 0, text)), fail)
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', fail).end()
  })
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of incoming.setEncoding('utf8')) text += part
  return text
}

async function* eventsIn(incoming: IncomingMessage): AsyncGenerator<GatewayEvent, undefined> {
  let text = ''
  try {
    for await (const part of incoming.setEncoding('utf8')) {
      text += part
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = parseEvent(block)
        if (event) yield event
      }
    }
  } catch (error) {
    // Cut: an end like any other.
    if (!incoming.destroyed) throw error
  }
  return undefined
}

/** null: a comment, or how long to wait before coming back. */
function parseEvent(block: string): GatewayEvent | null {
  const fields = new Map(
    block.split('\n').map((line): [string, string] => {
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      return [name, value]
    }),
  )
  const event = fields.get('event')
  return event === undefined ? null : {event, id: fields.get('id') ?? '', data: fields.get('data') ?? ''}
}
