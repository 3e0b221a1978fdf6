import {useState} from 'preact/hooks'
import type {PairEnd, PairWay, PolicyMatrix, PolicyPair} from '../../api/client.ts'
import type {PageProps} from '../app.tsx'
import {type Asked, ask} from '../ask.ts'
import {useAsked} from '../asked.ts'
import {count} from '../figures.ts'
import {MatrixTable} from '../matrix-table.tsx'
import {Labels, PageHead, Panel, Problem, Waiting} from '../panel.tsx'
import {hrefOf} from '../route.ts'
import {Stations, type TraceAnswer, VerdictMark} from '../stations.tsx'

/** Who may talk to whom, by the classes that are in force. */
export function PolicyMatrixPage({route: {query}}: PageProps) {
  const [by, setBy] = useState(query.get('by') ?? 'site')
  const {answer, again} = useAsked<PolicyMatrix>(`/v1/policy/matrix?by=${encodeURIComponent(by)}`)
  const [pair, setPair] = useState<{readonly from: string; readonly to: string} | null>(null)
  const matrix = answer?.ok ? answer.value : null
  const choices = matrix && !matrix.labels.includes(by) ? [by, ...matrix.labels] : (matrix?.labels ?? [by])
  return (
    <>
      <PageHead title="Who may talk">
        <a href={hrefOf('what-if')}>What if…</a>
      </PageHead>
      <Panel
        title="From the row to the column"
        aside={
          <div class="row">
            <label class="field field-inline">
              <span>Put together by</span>
              <select
                value={by}
                onChange={(event) => {
                  setBy(event.currentTarget.value)
                  setPair(null)
                }}
              >
                {choices.map((label) => (
                  <option key={label} value={label}>
                    {label}
                  </option>
                ))}
              </select>
            </label>
            <button type="button" onClick={again}>
              Ask again
            </button>
          </div>
        }
      >
        {answer === null ? <Waiting /> : null}
        {answer?.ok === false ? <Problem message={answer.message} /> : null}
        {matrix ? <MatrixTable matrix={matrix} chosen={pair} onChoose={setPair} /> : null}
        {matrix && matrix.leftOut > 0 ? (
          <p class="quiet">{`${count(matrix.leftOut)} groups with fewer addresses are not shown.`}</p>
        ) : null}
      </Panel>
      {pair ? <Pair by={by} from={pair.from} to={pair.to} /> : null}
    </>
  )
}

export const groupName = (name: string): string => (name === '' ? '(without)' : name)

function Pair({by, from, to}: {readonly by: string; readonly from: string; readonly to: string}) {
  const {answer} = useAsked<PolicyPair>(`/v1/policy/pair?${new URLSearchParams({by, from, to})}`)
  return (
    <Panel title={`${groupName(from)} → ${groupName(to)}`} class="policy-pair">
      <div aria-live="polite">
        {answer === null ? (
          <Waiting />
        ) : answer.ok ? (
          <Ways pair={answer.value} />
        ) : (
          <Problem message={answer.message} />
        )}
      </div>
    </Panel>
  )
}

function Ways({pair: {ways, leftOut}}: {readonly pair: PolicyPair}) {
  return (
    <>
      <ul class="ways">
        {ways.map((way) => (
          <li key={`${way.from.address} ${way.to.address} ${way.allowed}`} class="way">
            <p class="way-head">
              <VerdictMark verdict={way.verdict === 'mixed' ? 'in part' : way.verdict} />
              <span>
                {way.verdict === 'deny' ? 'Nothing passes' : `Passes: ${way.allowed}`}
                <span class="quiet">{` · ${count(way.classPairs)} pairs of classes`}</span>
              </span>
            </p>
            <div class="pair">
              <End title="From, such as" end={way.from} />
              <End title="To, such as" end={way.to} />
            </div>
            <Why way={way} />
          </li>
        ))}
      </ul>
      {leftOut > 0 ? <p class="quiet">{`${leftOut} rarer ways are not shown.`}</p> : null}
    </>
  )
}

function End({title, end}: {readonly title: string; readonly end: PairEnd}) {
  return (
    <div class="way-end">
      <h3>{title}</h3>
      <p>
        <code>{end.address}</code> {end.names[0] ?? ''} <span class="quiet">{end.site ?? 'of no site'}</span>
      </p>
      <Labels labels={end.labels} />
      {end.policies.length === 0 ? (
        <p class="quiet">No policy governs it in this direction: the default holds.</p>
      ) : (
        <ol class="way-policies">
          {end.policies.map(({tier, name, selector}) => (
            <li key={`${tier} ${name}`}>
              <a href={hrefOf('what-if', null, {policy: name})}>{name}</a>{' '}
              <span class="quiet">{`tier ${tier} · ${selector === '' ? 'all()' : selector}`}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  )
}

/** The rules behind it: flows of this way, traced at every station. */
function Why({way}: {readonly way: PairWay}) {
  const [answers, setAnswers] = useState<readonly Asked<TraceAnswer>[] | null>(null)
  const look = async (): Promise<void> => {
    const asked = way.flows.map((flow) => ask<TraceAnswer>('/v1/trace?stations=true', {body: JSON.stringify(flow)}))
    setAnswers(await Promise.all(asked))
  }
  if (answers === null) {
    return (
      <button type="button" onClick={() => void look()}>
        Show the rules
      </button>
    )
  }
  return (
    <div class="way-why">
      {answers.map((answer, index) => (
        <section key={flowText(way.flows[index]!)} aria-label={flowText(way.flows[index]!)}>
          <p class="way-flow">
            <code>{flowText(way.flows[index]!)}</code>
          </p>
          {answer.ok ? <Stations answer={answer.value} /> : <Problem message={answer.message} />}
        </section>
      ))}
    </div>
  )
}

function flowText({from, to, protocol, port, type}: PairWay['flows'][number]): string {
  const which = port === undefined ? (type === undefined ? '' : ` type ${type}`) : ` ${port}`
  return `${from} → ${to} ${protocol}${which}`
}
