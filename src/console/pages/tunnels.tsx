import type {SessionStatus, TunnelStatus} from '../../api/client.ts'
import type {PageProps} from '../app.tsx'
import {bitRate, bytes, count, milliseconds, percent} from '../figures.ts'
import {useLive} from '../live.ts'
import {StateMark} from '../mark.tsx'
import {Facts, PageHead, Panel, Problem, Waiting} from '../panel.tsx'
import {hrefOf} from '../route.ts'
import {SeriesPanel} from '../series.tsx'
import {SessionTable} from '../session-table.tsx'
import {TunnelTable} from '../tunnel-table.tsx'

export function Tunnels({route: {name}}: PageProps) {
  const {status} = useLive()
  if (!status) return <Waiting />
  if (name === null) {
    return (
      <>
        <PageHead title="Tunnels" />
        <Panel title="All tunnels of this gateway">
          <TunnelTable tunnels={status.tunnels} />
        </Panel>
      </>
    )
  }
  const tunnel = status.tunnels.find((one) => one.name === name)
  return tunnel ? <OneTunnel tunnel={tunnel} /> : <Problem message={`There is no tunnel ${name} now.`} />
}

function OneTunnel({tunnel}: {readonly tunnel: TunnelStatus}) {
  const {status, rates} = useLive()
  const {name, site, gateway, up, probes} = tunnel
  const rate = rates.get(name)
  const sessions = (status?.sessions ?? []).filter((session) => isOver(tunnel, session))
  return (
    <>
      <PageHead title={name}>
        <StateMark state={up ? 'up' : 'down'}>{up ? 'up' : 'down'}</StateMark>
        <a href={hrefOf('tunnels')}>All tunnels</a>
      </PageHead>
      <div class="pair">
        <Panel title="What it is">
          <Facts
            facts={[
              ['To site', <a href={hrefOf('sites', site)}>{site}</a>],
              ['Gateway', gateway],
              ['Uplink', tunnel.uplink],
              ['Encapsulation', tunnel.encapsulation],
              ['Device', <code>{tunnel.device}</code>],
              ['Addresses', <code>{`${tunnel.local} → ${tunnel.peer}`}</code>],
              ['MTU', mtuText(tunnel)],
            ]}
          />
        </Panel>
        <Panel title="How it does">
          <Facts
            facts={[
              [
                'Round trip',
                `${milliseconds(probes?.small.lastMs)} (${milliseconds(probes?.small.minMs)} to ${milliseconds(probes?.small.maxMs)})`,
              ],
              ['Jitter', milliseconds(probes?.small.jitterMs)],
              ['Loss', `${percent(probes?.small.lossRatio)}, of full size ${percent(probes?.full.lossRatio)}`],
              ['Now', `in ${bitRate(rate?.rx)} · out ${bitRate(rate?.tx)}`],
              ['Received', `${bytes(tunnel.rxBytes)} in ${count(tunnel.rxPackets)} packets`],
              ['Sent', `${bytes(tunnel.txBytes)} in ${count(tunnel.txPackets)} packets`],
              ['Errors', count(tunnel.errors)],
            ]}
          />
        </Panel>
      </div>
      <SeriesPanel tunnel={name} />
      {sessions.length > 0 ? (
        <Panel title="Sessions over it">
          <SessionTable sessions={sessions} />
        </Panel>
      ) : null}
    </>
  )
}

/** A session is named after the other end's site, gateway and uplink, and after its device at the end. */
const isOver = ({device, peer}: TunnelStatus, {name, neighbor}: SessionStatus): boolean =>
  neighbor === peer || name.endsWith(`_${device.split('-').at(-1)}`)

function mtuText({mtu, configuredMtu}: TunnelStatus): string {
  if (mtu === null) return '–'
  return configuredMtu !== null && configuredMtu !== mtu ? `${mtu}, of ${configuredMtu} configured` : `${mtu}`
}
