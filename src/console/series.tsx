import {useState} from 'preact/hooks'
import type {TunnelSeries} from '../api/client.ts'
import {useAsked} from './asked.ts'
import {bitRate, milliseconds, percent} from './figures.ts'
import {Panel, Problem, Waiting} from './panel.tsx'
import {Plot} from './plot.tsx'

const SPANS = [
  {minutes: 30, word: '30 min', everyMs: 5_000},
  {minutes: 240, word: '4 h', everyMs: 30_000},
  {minutes: 1440, word: '24 h', everyMs: 60_000},
] as const

/** Round trip, loss and traffic of a tunnel, or of all together. */
export function SeriesPanel({tunnel}: {readonly tunnel: string | null}) {
  const [minutes, setMinutes] = useState<number>(SPANS[0].minutes)
  const {everyMs} = SPANS.find((one) => one.minutes === minutes) ?? SPANS[0]
  const path = tunnel === null ? '/v1/series/tunnels' : `/v1/series/tunnels/${encodeURIComponent(tunnel)}`
  const {answer} = useAsked<TunnelSeries>(`${path}?minutes=${minutes}`, everyMs)
  return (
    <Panel
      title={tunnel === null ? 'All tunnels over time' : 'Over time'}
      class="series"
      aside={
        <fieldset class="choice">
          <legend class="unseen">How long back</legend>
          {SPANS.map((one) => (
            <button
              key={one.minutes}
              type="button"
              aria-pressed={one.minutes === minutes}
              onClick={() => setMinutes(one.minutes)}
            >
              {one.word}
            </button>
          ))}
        </fieldset>
      }
    >
      {answer === null ? (
        <Waiting />
      ) : answer.ok ? (
        <Plots series={answer.value} />
      ) : (
        <Problem message={answer.message} />
      )}
    </Panel>
  )
}

function Plots({series}: {readonly series: TunnelSeries}) {
  const {at, rttMs, jitterMs, lossRatio, rxBytesPerSecond, txBytesPerSecond} = series
  return (
    <div class="plots">
      <Plot
        title="Round trip"
        at={at}
        format={milliseconds}
        lines={[
          {label: series.name === null ? 'mean' : 'round trip', colour: 'series-1', values: rttMs},
          {label: 'jitter', colour: 'series-2', values: jitterMs, dashed: true},
        ]}
      />
      <Plot
        title="Traffic"
        at={at}
        format={bitRate}
        lines={[
          {label: 'received', colour: 'series-1', values: rxBytesPerSecond},
          {label: 'sent', colour: 'series-2', values: txBytesPerSecond, dashed: true},
        ]}
      />
      <Plot
        title="Loss of probes"
        at={at}
        format={percent}
        lines={[{label: 'lost', colour: 'series-3', values: lossRatio}]}
      />
    </div>
  )
}
