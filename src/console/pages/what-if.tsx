import {useEffect, useState} from 'preact/hooks'
import type {DiffRow, PolicyDiff} from '../../api/client.ts'
import type {PageProps} from '../app.tsx'
import {type Asked, ask} from '../ask.ts'
import {useLive} from '../live.ts'
import {StateMark} from '../mark.tsx'
import {PageHead, Panel, Problem} from '../panel.tsx'
import {hrefOf} from '../route.ts'

const START = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: try-this
spec:
  tier: default
  order: 100
  selector: app == 'web'
  types: [Ingress]
  ingress:
    - action: Allow
      protocol: TCP
      source: {selector: app == 'client'}
      destination: {ports: [443]}
`

/** An edited policy, and what would open and close by it. Nothing of it is stored anywhere. */
export function WhatIf({route: {query}}: PageProps) {
  const {status} = useLive()
  const [text, setText] = useState(START)
  const [deleted, setDeleted] = useState('')
  const [answer, setAnswer] = useState<Asked<PolicyDiff> | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const take = async (name: string): Promise<void> => {
    const known = await ask<{readonly text: string}>(`/v1/policy/text/${encodeURIComponent(name)}`)
    setProblem(known.ok ? null : known.message)
    if (known.ok) setText(known.value.text)
  }
  const wanted = query.get('policy')
  // A link from elsewhere names a policy once
  useEffect(() => {
    if (wanted) void take(wanted)
  }, [wanted])
  const compare = async (): Promise<void> => {
    const query = deleted === '' ? '' : `?delete=${encodeURIComponent(deleted)}`
    setAnswer(await ask<PolicyDiff>(`/v1/policy/diff${query}`, {body: text}))
  }
  const names = [...new Set((status?.policies ?? []).filter(({staged}) => !staged).map(({name}) => name))]
  return (
    <>
      <PageHead title="What if" />
      <Panel title="Edited policy">
        <div class="row">
          <label class="field field-inline">
            <span>Begin with</span>
            <select value={wanted ?? ''} onChange={(event) => void take(event.currentTarget.value)}>
              <option value="" disabled>
                a policy in force…
              </option>
              {names.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label class="field field-inline">
            <span>And without</span>
            <select value={deleted} onChange={(event) => setDeleted(event.currentTarget.value)}>
              <option value="">none</option>
              {names.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        </div>
        {problem ? <Problem message={problem} /> : null}
        <label class="field">
          <span>Documents, as for isthmus apply</span>
          <textarea
            class="code editor"
            rows={18}
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <div class="row">
          <button type="button" class="primary" onClick={() => void compare()}>
            Compare
          </button>
          <span class="quiet">Nothing is stored: isthmus apply does that.</span>
        </div>
      </Panel>
      {answer === null ? null : (
        <Panel title="What would change">
          <div aria-live="polite">{answer.ok ? <Rows diff={answer.value} /> : <Refusal answer={answer} />}</div>
        </Panel>
      )}
    </>
  )
}

function Refusal({answer}: {readonly answer: Extract<Asked<PolicyDiff>, {ok: false}>}) {
  return (
    <>
      <Problem message={answer.message} />
      <ul class="lines">
        {answer.findings.map(({code, severity, detail, where}) => (
          <li key={`${code} ${where.line} ${where.field} ${detail}`} class="line">
            <StateMark state={severity === 'error' ? 'down' : 'warn'}>{severity}</StateMark>
            <div class="line-body">
              <p class="line-what">{detail}</p>
              <p class="line-where">
                {[where.line ? `line ${where.line}` : null, where.field].filter(Boolean).join(' · ')}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </>
  )
}

function Rows({diff: {rows, findings}}: {readonly diff: PolicyDiff}) {
  return (
    <>
      {rows.length === 0 ? (
        <p class="nothing">
          <StateMark state="up">No flow would be judged otherwise.</StateMark>
        </p>
      ) : (
        <ul class="ways">
          {rows.map((row) => (
            <Row key={JSON.stringify(row)} row={row} />
          ))}
        </ul>
      )}
      {findings.map(({code, detail}) => (
        <p key={`${code} ${detail}`} class="quiet">
          {detail}
        </p>
      ))}
    </>
  )
}

function Row({row: {change, traffic, from, to, example}}: {readonly row: DiffRow}) {
  const flow = Object.fromEntries(Object.entries(example).map(([field, value]) => [field, String(value)]))
  return (
    <li class={`way way-${change}`}>
      <p class="way-head">
        <StateMark state={change === 'opens' ? 'up' : 'down'}>{change}</StateMark>
        <strong>{traffic}</strong>
      </p>
      <div class="pair">
        <Side title="From" groups={from} />
        <Side title="To" groups={to} />
      </div>
      <a href={hrefOf('trace', null, flow)}>Trace such a flow as it is now</a>
    </li>
  )
}

function Side({title, groups}: {readonly title: string; readonly groups: readonly string[]}) {
  return (
    <div class="way-end">
      <h3>{title}</h3>
      <ul>
        {groups.map((group) => (
          <li key={group}>
            {group.split(/(?<=,)/).map((part) => (
              <>
                {part}
                <wbr />
              </>
            ))}
          </li>
        ))}
      </ul>
    </div>
  )
}
