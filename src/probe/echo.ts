import {spawn} from 'node:child_process'
import {familyFlag} from './groups.ts'

/** Some pings, one after the other, to one address. */
export interface EchoQuestion {
  readonly target: string
  readonly count: number
  /** Own address, and device, where they are not the kernel's to choose. */
  readonly source?: string
  readonly device?: string
  /** Hops after which a router says that it has gone no further. */
  readonly ttl?: number
  /** Between two of them; a fifth of a second unless said. */
  readonly everyMs?: number
}

export interface EchoAnswer {
  readonly sent: number
  readonly received: number
  readonly minMs: number | null
  readonly avgMs: number | null
  readonly maxMs: number | null
  /** Who else answered, and in which words: `Time Exceeded`, `Host Unreachable`. */
  readonly told: {readonly words: string; readonly by: string} | null
  /** Why nothing was sent. */
  readonly problem: string | null
}

const GAP_MS = 200
const WAIT_MS = 1000

/** Asks by fping, which gateways measure their tunnels with. */
export function echo(question: EchoQuestion, signal: AbortSignal, command = 'fping'): Promise<EchoAnswer> {
  const {target, count, source, device, ttl, everyMs = GAP_MS} = question
  const args = [familyFlag(target), '-c', `${count}`, '-p', `${everyMs}`, '-t', `${WAIT_MS}`]
  if (source !== undefined) args.push('-S', source)
  if (device !== undefined) args.push('-I', device)
  if (ttl !== undefined) args.push('-H', `${ttl}`)
  const child = spawn(command, [...args, target], {stdio: ['ignore', 'ignore', 'pipe'], signal})
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  return new Promise((resolve) => {
    child.once('error', ({message}) => resolve({...NOTHING, problem: message}))
    child.once('close', () => resolve(parseEcho(said)))
  })
}

const NOTHING: EchoAnswer = {sent: 0, received: 0, minMs: null, avgMs: null, maxMs: null, told: null, problem: null}

/** What fping 5 writes on stderr: who else answered, and the sums. */
export function parseEcho(text: string): EchoAnswer {
  const [, sent, received, , min, avg, max] =
    /xmt\/rcv\/%loss = (\d+)\/(\d+)\/\d+%(, min\/avg\/max = ([\d.]+)\/([\d.]+)\/([\d.]+))?/.exec(text) ?? []
  if (sent === undefined) return {...NOTHING, problem: text.trim().replace(/^fping: /, '') || 'fping says nothing'}
  const [, words, by] = /^ICMP (.+?) from (\S+) for /m.exec(text) ?? []
  const ms = (value: string | undefined): number | null => (value === undefined ? null : Number(value))
  return {
    ...{sent: Number(sent), received: Number(received), minMs: ms(min), avgMs: ms(avg), maxMs: ms(max), problem: null},
    told: words === undefined || by === undefined ? null : {words, by},
  }
}
