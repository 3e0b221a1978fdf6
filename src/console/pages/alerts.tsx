import type {AlertsAnswer} from '../../api/client.ts'
import {useAsked} from '../asked.ts'
import {FindingLine, FiringLine} from '../finding-line.tsx'
import {useLive} from '../live.ts'
import {StateMark} from '../mark.tsx'
import {PageHead, Panel, Problem, Waiting} from '../panel.tsx'

const RANK = ['error', 'warning', 'info']

/** What this gateway finds itself, and what Prometheus says of it. */
export function Alerts() {
  const {status} = useLive()
  const {answer} = useAsked<AlertsAnswer>('/v1/alerts', 15_000)
  if (!status) return <Waiting />
  const findings = status.findings.toSorted((a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity))
  return (
    <>
      <PageHead title="Alerts" />
      <Panel title="Firing in Prometheus">
        {answer === null ? (
          <Waiting />
        ) : answer.ok ? (
          <Firing alerts={answer.value} />
        ) : (
          <Problem message={answer.message} />
        )}
      </Panel>
      <Panel title="Found by this gateway">
        {findings.length === 0 ? (
          <p class="nothing">
            <StateMark state="up">Nothing is found.</StateMark>
          </p>
        ) : (
          <ul class="lines">
            {findings.map((finding) => (
              <FindingLine key={JSON.stringify([finding.code, finding.where, finding.detail])} finding={finding} />
            ))}
          </ul>
        )}
      </Panel>
    </>
  )
}

function Firing({alerts: {prometheus, problem, firing}}: {readonly alerts: AlertsAnswer}) {
  if (prometheus === 'none') {
    return (
      <p class="nothing">
        No Prometheus is configured: <code>api.prometheus</code> names one.
      </p>
    )
  }
  if (prometheus === 'failed') return <Problem message={problem ?? 'Prometheus does not answer.'} />
  if (firing.length === 0) {
    return (
      <p class="nothing">
        <StateMark state="up">Nothing fires.</StateMark>
      </p>
    )
  }
  return (
    <ul class="lines">
      {firing.map((alert) => (
        <FiringLine key={JSON.stringify(alert)} alert={alert} />
      ))}
    </ul>
  )
}
