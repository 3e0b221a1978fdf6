/** One answer: the code of its last line, and every line with its own code. */
export interface BirdReply {
  readonly code: number
  readonly lines: readonly {readonly code: number; readonly text: string}[]
}

/** The codes that decide something (BIRD's doc/reply_codes). From 8000 on a command failed. */
export const replyCode = {
  reconfigured: 3,
  reconfiguring: 4,
  queued: 5,
  shuttingDown: 6,
  routeCount: 7,
  confirmed: 18,
  nothingToDo: 19,
  configurationOk: 20,
  value: 23,
  version: 1000,
  protocol: 1002,
  protocolDetails: 1006,
  routeCountOfTable: 1007,
  route: 1007,
  routeDetails: 1008,
  routeAttributes: 1012,
  bfdSessions: 1020,
  firstFailure: 8000,
  notFound: 8001,
} as const

const CODED = /^(\d{4})([ -])(.*)$/

/**
 * Cuts the socket's text into replies. Pieces may end anywhere, within a line or a code.
 *
 * `NNNN-` is a line with more to follow, `NNNN ` the last of a reply, a leading space continues the line before under
 * its code. Lines that begin with `+` are spoken out of turn (log echo) and belong to no reply.
 */
export class ReplyReader {
  #rest = ''
  #lines: {code: number; text: string}[] = []

  push(text: string): BirdReply[] {
    const replies: BirdReply[] = []
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      const coded = CODED.exec(line)
      if (coded) {
        const code = Number(coded[1])
        this.#lines.push({code, text: coded[3]!})
        if (coded[2] === '-') continue
        replies.push({code, lines: this.#lines})
        this.#lines = []
      } else if (line.startsWith(' ')) {
        this.#lines.push({code: this.#lines.at(-1)?.code ?? 0, text: line.slice(1)})
      }
    }
    return replies
  }
}

/** BIRD's own words when it refused; null when it did not. */
export function refusalOf(reply: BirdReply): string | null {
  if (reply.code < replyCode.firstFailure) return null
  return reply.lines
    .filter(({code}) => code >= replyCode.firstFailure)
    .map(({text}) => text.trim())
    .join('; ')
}
