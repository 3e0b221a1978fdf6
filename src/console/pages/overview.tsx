import {useState} from 'preact/hooks'
import type {AlertsAnswer, GatewayStatus} from '../../api/client.ts'
import {useAsked} from '../asked.ts'
import {bitRate, secondsSince, span} from '../figures.ts'
import {FindingLine, FiringLine} from '../finding-line.tsx'
import {useLive} from '../live.ts'
import {LogLine} from '../log-line.tsx'
import {StateMark} from '../mark.tsx'
import {PageHead, Panel, Tile, Waiting} from '../panel.tsx'
import {hrefOf} from '../route.ts'
import {SeriesPanel} from '../series.tsx'
import {SiteTable} from '../site-table.tsx'
import {Topology} from '../topology/topology.tsx'

const MOST_TOLD = 6
const LATEST = 4

export function Overview() {
  const {status, rates} = useLive()
  const [asList, setAsList] = useState(false)
  if (!status) return <Waiting />
  return (
    <>
      <PageHead title="Overview">
        <Readiness status={status} />
      </PageHead>
      <Tiles status={status} />
      <div class="overview">
        <Panel
          title="Sites and tunnels"
          class="overview-map"
          aside={
            <fieldset class="choice">
              <legend class="unseen">Show as</legend>
              <button type="button" aria-pressed={!asList} onClick={() => setAsList(false)}>
                Map
              </button>
              <button type="button" aria-pressed={asList} onClick={() => setAsList(true)}>
                List
              </button>
            </fieldset>
          }
        >
          {asList ? <SiteTable status={status} /> : <Topology status={status} rates={rates} />}
        </Panel>
        <div class="overview-side">
          <Firing status={status} />
          <Latest />
        </div>
      </div>
      <SeriesPanel tunnel={null} />
    </>
  )
}

function Readiness({status}: {readonly status: GatewayStatus}) {
  const {atMs} = useLive()
  const {ready, waitingFor, drainingSince, startedAt, version, reconcile} = status
  return (
    <>
      {ready ? (
        <StateMark state={reconcile.dirty ? 'warn' : 'up'}>
          {reconcile.dirty ? 'something is left undone' : 'in step'}
        </StateMark>
      ) : (
        <StateMark state="warn">{`waits for ${waitingFor}`}</StateMark>
      )}
      {drainingSince ? <StateMark state="warn">drained</StateMark> : null}
      <span class="quiet">{`up ${span(secondsSince(startedAt, atMs))} · ${version}`}</span>
    </>
  )
}

function Tiles({status}: {readonly status: GatewayStatus}) {
  const {rates} = useLive()
  const {sites, tunnels, sessions, datastores} = status
  const fresh = sites.filter(({presence, state}) => presence === 'open' && (state === null || state === 'fresh'))
  let [rx, tx] = [0, 0]
  for (const rate of rates.values()) {
    rx += rate.rx
    tx += rate.tx
  }
  return (
    <div class="tiles">
      <Tile label="Sites" href={hrefOf('sites')} good={fresh.length} all={sites.length} word="fresh" bad="warn" />
      <Tile label="Tunnels" href={hrefOf('tunnels')} good={countUp(tunnels)} all={tunnels.length} word="up" />
      <Tile label="Peers" href={hrefOf('peers')} good={countUp(sessions)} all={sessions.length} word="up" />
      <Tile
        label="Datastores"
        href={hrefOf('datastores')}
        good={datastores.filter(({connected, synced}) => connected && synced).length}
        all={datastores.length}
        word="in sync"
        bad="warn"
      />
      <a class="tile" href={hrefOf('tunnels')}>
        <span class="tile-label">Traffic now</span>
        <span class="tile-figure tile-rate">
          {bitRate(rx)}
          <span class="tile-of"> in</span>
        </span>
        <span class="quiet">{`${bitRate(tx)} out`}</span>
      </a>
    </div>
  )
}

const countUp = (all: readonly {readonly up: boolean}[]): number => all.filter(({up}) => up).length

function Firing({status}: {readonly status: GatewayStatus}) {
  const {answer} = useAsked<AlertsAnswer>('/v1/alerts', 15_000)
  const firing = answer?.ok ? answer.value.firing.filter(({state}) => state === 'firing') : []
  const findings = status.findings.filter(({severity}) => severity !== 'info')
  const told = findings.slice(0, MOST_TOLD)
  const left = findings.length - told.length
  return (
    <Panel
      title="Needs a look"
      class="overview-firing"
      aside={<a href={hrefOf('alerts')}>{left > 0 ? `All ${findings.length + firing.length}` : 'All alerts'}</a>}
    >
      {firing.length + told.length === 0 ? (
        <p class="nothing">
          <StateMark state="up">Nothing fires.</StateMark>
        </p>
      ) : (
        <ul class="lines">
          {firing.slice(0, MOST_TOLD).map((alert) => (
            <FiringLine key={JSON.stringify(alert)} alert={alert} />
          ))}
          {told.map((finding) => (
            <FindingLine key={JSON.stringify([finding.code, finding.where, finding.detail])} finding={finding} />
          ))}
        </ul>
      )}
    </Panel>
  )
}

/** What happened last, beside what is wrong now. */
function Latest() {
  const {log} = useLive()
  return (
    <Panel title="Latest changes" class="overview-latest" aside={<a href={hrefOf('changes')}>All changes</a>}>
      {log.length === 0 ? (
        <p class="nothing">Nothing since the daemon started.</p>
      ) : (
        <ol class="lines log">
          {log.slice(0, LATEST).map((entry) => (
            <LogLine key={entry.id} entry={entry} at={new Date(entry.at).toLocaleTimeString('en-GB')} />
          ))}
        </ol>
      )}
    </Panel>
  )
}
