import type {FiringAlert, GatewayStatus} from '../api/client.ts'
import {secondsSince, span} from './figures.ts'
import {StateMark} from './mark.tsx'
import {hrefOf} from './route.ts'
import {useRunbooks} from './runbook-list.ts'
import {severityState} from './state.ts'

type Finding = GatewayStatus['findings'][number]

export const whereOf = ({where: {source, key, field, line}}: Finding): string =>
  [source, key, field, line === undefined ? undefined : `line ${line}`].filter((part) => part !== undefined).join(' · ')

/** One thing that is wrong, what would be right, and what to read about it. */
export function FindingLine({finding}: {readonly finding: Finding}) {
  const {code, severity, detail, remedy} = finding
  const runbook = useRunbooks()?.byCode[code]
  return (
    <li class="line">
      <StateMark state={severityState(severity)}>{severity}</StateMark>
      <div class="line-body">
        <p class="line-what">{detail}</p>
        {remedy ? <p class="line-remedy">{remedy}</p> : null}
        <p class="line-where">
          <code>{code}</code> {whereOf(finding)}
          {runbook ? (
            <>
              {' '}
              <a href={hrefOf('runbooks', runbook)}>{`Runbook ${runbook}`}</a>
            </>
          ) : null}
        </p>
      </div>
    </li>
  )
}

/** One alert by Prometheus' word. */
export function FiringLine({alert}: {readonly alert: FiringAlert}) {
  const {name, severity, state, summary, labels, since} = alert
  const runbook = useRunbooks()?.names.find((one) => one === name)
  const seconds = secondsSince(since, Date.now())
  return (
    <li class="line">
      <StateMark state={state === 'firing' ? severityState(severity) : 'idle'}>
        {state === 'firing' ? severity : 'pending'}
      </StateMark>
      <div class="line-body">
        <p class="line-what">
          <strong>{name}</strong> {summary}
        </p>
        <p class="line-where">
          {seconds === null ? '' : `for ${span(seconds)} · `}
          {Object.entries(labels)
            .map(([label, value]) => `${label}=${value}`)
            .join(' · ')}
          {runbook ? (
            <>
              {' '}
              <a href={hrefOf('runbooks', runbook)}>{`Runbook ${runbook}`}</a>
            </>
          ) : null}
        </p>
      </div>
    </li>
  )
}
