import type {Rows} from '../../api/client.ts'
import type {EchoAnswer} from '../../probe/index.ts'
import type {Proof} from './proof.ts'

/** What became of the pings of one stream, or why there was none. */
export type StreamFacts = {readonly target: string; readonly answer: EchoAnswer} | {readonly why: string}

export interface TunnelLossFacts {
  readonly site: string
  readonly tunnel: Pick<Rows['tunnels'], 'name' | 'device'>
  /** Tunnels to the same site that stayed up. */
  readonly others: number
  /** null: it was not back in time. */
  readonly backMs: number | null
  /** null: there is no other way, so that all is lost meanwhile. */
  readonly loss: StreamFacts | null
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

function lossText(facts: StreamFacts): string {
  if ('why' in facts) return `loss was not measured: ${facts.why}`
  const {target, answer} = facts
  if (answer.problem !== null) return `loss was not measured: ${answer.problem}`
  return `${answer.sent - answer.received} of ${answer.sent} pings to ${target} were lost`
}

/** A tunnel whose device was taken down must be back; what is lost until BFD has seen it is told, and no failure. */
export function judgeTunnelLoss({site, tunnel, others, backMs, loss}: TunnelLossFacts): Proof {
  const back = backMs === null ? 'and did not come back in time' : `and was back after ${seconds(backMs)}`
  const meanwhile = loss === null ? 'there is no other tunnel to it' : `over ${others} others: ${lossText(loss)}`
  return {
    ...{site, check: 'loss of a tunnel', result: backMs === null ? 'failed' : 'ok'},
    evidence: [`${tunnel.device} was taken down, ${back}`, meanwhile],
    next: `isthmus describe tunnel '${tunnel.name}'`,
  }
}

export interface RestartFacts extends Pick<Proof, 'site' | 'check'> {
  readonly unit: string
  readonly backMs: number | null
  readonly loss: StreamFacts
}

/** After a restart all must be as before, and nothing may be lost: the kernel forwards meanwhile. */
export function judgeRestart({site, check, unit, backMs, loss}: RestartFacts): Proof {
  const back = backMs === null ? 'it did not come back in time' : `all was back after ${seconds(backMs)}`
  const lost = 'answer' in loss ? loss.answer.sent - loss.answer.received : 0
  const isMeasured = 'answer' in loss && loss.answer.problem === null
  return {
    ...{site, check, evidence: [back, lossText(loss)]},
    result: backMs === null || lost > 0 ? 'failed' : isMeasured ? 'ok' : 'unknown',
    next:
      backMs === null || unit !== 'bird'
        ? `systemctl status ${unit}`
        : 'is BIRD started with -R? (docs/operate/README.md)',
  }
}
