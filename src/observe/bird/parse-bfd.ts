import {type BirdReply, replyCode} from '../../bird/index.ts'
import {parseTime} from './parse-sessions.ts'

export interface BfdSession {
  readonly neighbor: string
  /** null for a session over several hops. */
  readonly device: string | null
  readonly state: string
  readonly up: boolean
  readonly sinceMs: number | null
  readonly intervalSeconds: number
  /** Silence that long is loss; 0 while the session is down. */
  readonly detectSeconds: number
}

const ROW = /^(\S+)\s+(\S+)\s+(Up|Down|Init|AdminDown)\s+(\S+)\s+(?:(\S+)\s+)?(\d+\.\d+)\s+(\d+\.\d+)\s*$/

/** The rows of `show bfd sessions`, sorted by neighbour. */
export function parseBfdSessions(reply: BirdReply): BfdSession[] {
  const sessions: BfdSession[] = []
  for (const {code, text} of reply.lines) {
    const row = code === replyCode.bfdSessions ? ROW.exec(text.trim()) : null
    if (!row) continue
    const [, neighbor, device, state, date, time, interval, timeout] = row
    sessions.push({
      neighbor: neighbor!,
      device: device === '---' ? null : device!,
      state: state!,
      up: state === 'Up',
      sinceMs: parseTime(date, time),
      intervalSeconds: Number(interval),
      detectSeconds: Number(timeout),
    })
  }
  return sessions.sort((a, b) => (`${a.neighbor} ${a.device}` < `${b.neighbor} ${b.device}` ? -1 : 1))
}
