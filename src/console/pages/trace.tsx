import {useEffect, useState} from 'preact/hooks'
import type {PageProps} from '../app.tsx'
import {type Asked, ask} from '../ask.ts'
import {PageHead, Panel, Problem} from '../panel.tsx'
import {Stations, type TraceAnswer} from '../stations.tsx'

const PROTOCOLS = ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'other'] as const

interface FlowForm {
  readonly from: string
  readonly to: string
  readonly protocol: string
  readonly number: string
  readonly port: string
  readonly sourcePort: string
  readonly type: string
  readonly code: string
}

function formOf(query: URLSearchParams): FlowForm {
  const given = (field: string): string => query.get(field) ?? ''
  const protocol = given('protocol') || 'tcp'
  const isKnown = PROTOCOLS.some((one) => one === protocol)
  return {
    ...{from: given('from'), to: given('to'), port: given('port'), sourcePort: given('sourcePort')},
    ...{type: given('type'), code: given('code')},
    protocol: isKnown ? protocol : 'other',
    number: isKnown ? '' : protocol,
  }
}

/** As formats.md has it; what is empty is not said. */
function flowOf({from, to, protocol, number, port, sourcePort, type, code}: FlowForm) {
  const numeric = {port, sourcePort, type, code}
  const given = Object.entries(numeric).filter(([, text]) => text.trim() !== '')
  return {
    ...{from: from.trim(), to: to.trim(), protocol: protocol === 'other' ? number.trim() : protocol},
    ...Object.fromEntries(given.map(([field, text]) => [field, Number(text)])),
  }
}

/** One flow, and what becomes of it at each station. */
export function TracePage({route: {query}}: PageProps) {
  const [form, setForm] = useState(() => formOf(query))
  const [answer, setAnswer] = useState<Asked<TraceAnswer> | null>(null)
  const trace = async (): Promise<void> => {
    setAnswer(await ask<TraceAnswer>('/v1/trace?stations=true', {body: JSON.stringify(flowOf(form))}))
  }
  const search = query.toString()
  // A link from elsewhere brings a whole flow: it is traced at once.
  useEffect(() => {
    const given = formOf(new URLSearchParams(search))
    setForm(given)
    if (given.from === '' || given.to === '') return
    void ask<TraceAnswer>('/v1/trace?stations=true', {body: JSON.stringify(flowOf(given))}).then(setAnswer)
  }, [search])
  const input = (field: keyof FlowForm, label: string, placeholder: string, numeric = false) => (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        class="code"
        inputMode={numeric ? 'numeric' : 'text'}
        spellcheck={false}
        autocomplete="off"
        placeholder={placeholder}
        value={form[field]}
        onInput={(event) => setForm({...form, [field]: event.currentTarget.value})}
      />
    </label>
  )
  const isIcmp = form.protocol.startsWith('icmp')
  return (
    <>
      <PageHead title="Trace a flow" />
      <Panel title="The flow">
        <form
          class="fields"
          onSubmit={(event) => {
            event.preventDefault()
            void trace()
          }}
        >
          {input('from', 'From', '10.1.0.5')}
          {input('to', 'To', '10.2.0.9')}
          <label class="field">
            <span>Protocol</span>
            <select value={form.protocol} onChange={(event) => setForm({...form, protocol: event.currentTarget.value})}>
              {PROTOCOLS.map((protocol) => (
                <option key={protocol} value={protocol}>
                  {protocol}
                </option>
              ))}
            </select>
          </label>
          {form.protocol === 'other' ? input('number', 'Its number', '89', true) : null}
          {isIcmp ? input('type', 'Type', '8', true) : null}
          {isIcmp ? input('code', 'Code', '0', true) : null}
          {isIcmp || form.protocol === 'other' ? null : input('port', 'Port', '443', true)}
          {isIcmp || form.protocol === 'other' ? null : input('sourcePort', 'Source port', 'any', true)}
          <button type="submit" class="primary">
            Trace
          </button>
        </form>
      </Panel>
      {answer === null ? null : (
        <Panel title="What becomes of it">
          <div aria-live="polite">
            {answer.ok ? <Stations answer={answer.value} /> : <Problem message={answer.message} />}
          </div>
        </Panel>
      )}
    </>
  )
}
