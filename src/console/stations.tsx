import {StateMark} from './mark.tsx'
import type {State} from './state.ts'

/** The answer to one flow, as the API gives it. */
export interface TraceAnswer {
  readonly verdict: 'allow' | 'deny'
  readonly reason: string
  readonly direction: string | null
  readonly site: string | null
  readonly tier: string | null
  readonly policy: string | null
  readonly rule: number | null
  readonly translated?: readonly {readonly end: string; readonly real: string}[]
  readonly stations?: readonly StationAnswer[]
}

interface StationAnswer {
  readonly station: 'source-own' | 'egress' | 'ingress' | 'destination-own'
  readonly site: string | null
  readonly verdict: 'allow' | 'deny' | 'unknown'
  readonly why: string
  readonly rules: readonly NoteAnswer[]
}

interface NoteAnswer {
  readonly kind: string
  readonly tier: string | null
  readonly policy: string
  readonly rule: number | null
  readonly action: string
  /** null: it matches. */
  readonly passedOver: string | null
}

const TITLES = {
  'source-own': "The source's own Calico",
  egress: 'Global policy on the way out',
  ingress: 'Global policy on the way in',
  'destination-own': "The destination's own Calico",
} as const

const STATES: Readonly<Record<string, State>> = {allow: 'up', deny: 'down', unknown: 'idle'}
const WORDS: Readonly<Record<string, string>> = {allow: 'allowed', deny: 'denied', unknown: 'not known'}

export const VerdictMark = ({verdict}: {readonly verdict: string}) => (
  <StateMark state={STATES[verdict] ?? 'warn'}>{WORDS[verdict] ?? verdict}</StateMark>
)

/** What decides, and each station on the way with every rule that was asked there. */
export function Stations({answer}: {readonly answer: TraceAnswer}) {
  const {verdict, reason, tier, policy, rule, direction, site, translated = [], stations = []} = answer
  const decides =
    reason === 'rule'
      ? `rule ${rule} of ${policy} in tier ${tier}`
      : reason === 'tier'
        ? `the end of tier ${tier}`
        : reason === 'default'
          ? 'the default: no policy decides'
          : reason
  return (
    <div class="trace-answer">
      <p class="trace-verdict">
        <VerdictMark verdict={verdict} />
        <span>{`${decides}${direction ? `, ${direction}` : ''}${site ? ` of ${site}` : ''}`}</span>
      </p>
      {translated.map(({end, real}) => (
        <p key={end} class="quiet">{`${end} is ${real} at its own site`}</p>
      ))}
      <ol class="stations">
        {stations.map((station) => (
          <li key={station.station} class={`station station-${station.verdict}`}>
            <div class="station-head">
              <h3>{TITLES[station.station]}</h3>
              {station.site ? <span class="quiet">{station.site}</span> : null}
              <VerdictMark verdict={station.verdict} />
            </div>
            <p>{station.why}</p>
            {station.rules.length > 0 ? (
              <details>
                <summary>{`${station.rules.length} ${station.rules.length === 1 ? 'rule' : 'rules'} asked`}</summary>
                <ol class="notes">
                  {station.rules.map((note) => (
                    <li key={JSON.stringify(note)}>{noteText(note)}</li>
                  ))}
                </ol>
              </details>
            ) : null}
          </li>
        ))}
      </ol>
    </div>
  )
}

function noteText({kind, tier, policy, rule, action, passedOver}: NoteAnswer): string {
  const which = rule === null ? '' : `, rule ${rule} (${action})`
  return `${kind} ${policy}${tier === null ? '' : ` in tier ${tier}`}${which}: ${passedOver ?? 'it matches'}`
}
