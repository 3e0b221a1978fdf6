import type {PageProps} from '../app.tsx'
import {count, secondsSince, span} from '../figures.ts'
import {useLive} from '../live.ts'
import {StateMark} from '../mark.tsx'
import {Facts, PageHead, Panel, Problem, Waiting} from '../panel.tsx'
import {hrefOf} from '../route.ts'
import {SessionTable} from '../session-table.tsx'

const KINDS = [
  {kind: 'tunnel', title: 'Over tunnels'},
  {kind: 'twin', title: 'With the twin'},
  {kind: 'wan', title: 'With routers of the WAN'},
  {kind: 'node', title: 'With nodes'},
] as const

export function Peers({route: {name}}: PageProps) {
  const {status, atMs, log} = useLive()
  if (!status) return <Waiting />
  const session = status.sessions.find((one) => `${one.protocol} ${one.name}` === name)
  if (name === null) {
    return (
      <>
        <PageHead title="Peers" />
        {status.sessions.length === 0 ? <Problem message="BIRD does not answer, or has no sessions." /> : null}
        {KINDS.map(({kind, title}) => {
          const own = status.sessions.filter((one) => one.kind === kind)
          return own.length === 0 ? null : (
            <Panel key={kind} title={title}>
              <SessionTable sessions={own} />
            </Panel>
          )
        })}
      </>
    )
  }
  if (!session) return <Problem message={`There is no session ${name} now.`} />
  const past = log.filter(({object}) => object === session.name)
  return (
    <>
      <PageHead title={session.name}>
        <StateMark state={session.up ? 'up' : 'down'}>{session.state}</StateMark>
        <a href={hrefOf('peers')}>All peers</a>
      </PageHead>
      <div class="pair">
        <Panel title="What it is">
          <Facts
            facts={[
              ['Protocol', session.protocol.toUpperCase()],
              ['With', session.kind],
              ['Neighbour', <code key="neighbour">{session.neighbor}</code>],
              ['AS', session.as ?? '–'],
            ]}
          />
        </Panel>
        <Panel title="How it does">
          <Facts
            facts={[
              ['State', session.state],
              ['For', span(secondsSince(session.since, atMs))],
              ['Prefixes received', count(session.imported)],
              ['Prefixes sent', count(session.exported)],
              ['Last error', session.lastError ?? 'none'],
            ]}
          />
        </Panel>
      </div>
      <Panel title="What happened to it">
        {past.length === 0 ? (
          <p class="nothing">Nothing since the daemon started.</p>
        ) : (
          <ul class="lines">
            {past.map(({id, at, what}) => (
              <li key={id} class="line">
                <time dateTime={at}>{new Date(at).toLocaleString()}</time>
                <p class="line-what">{what}</p>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  )
}
