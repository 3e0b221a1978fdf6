import type {TunnelStatus} from '../api/client.ts'
import {type Column, DataTable} from './data-table.tsx'
import {bitRate, milliseconds, percent} from './figures.ts'
import {type Rate, useLive} from './live.ts'
import {StateMark} from './mark.tsx'
import {hrefOf} from './route.ts'

const columnsOf = (rates: ReadonlyMap<string, Rate>): readonly Column<TunnelStatus>[] => [
  {head: 'Tunnel', cell: ({name}) => <a href={hrefOf('tunnels', name)}>{name}</a>, by: ({name}) => name},
  {
    head: 'State',
    cell: ({up}) => <StateMark state={up ? 'up' : 'down'}>{up ? 'up' : 'down'}</StateMark>,
    by: ({up}) => Number(up),
  },
  {
    head: 'Round trip',
    cell: ({probes}) => milliseconds(probes?.small.lastMs),
    by: ({probes}) => probes?.small.lastMs ?? null,
    numeric: true,
  },
  {
    head: 'Loss',
    cell: ({probes}) => percent(probes?.small.lossRatio),
    by: ({probes}) => probes?.small.lossRatio ?? null,
    numeric: true,
    rank: 2,
  },
  {
    head: 'In',
    cell: ({name}) => bitRate(rates.get(name)?.rx),
    by: ({name}) => rates.get(name)?.rx ?? null,
    numeric: true,
    rank: 2,
  },
  {
    head: 'Out',
    cell: ({name}) => bitRate(rates.get(name)?.tx),
    by: ({name}) => rates.get(name)?.tx ?? null,
    numeric: true,
    rank: 2,
  },
  {head: 'Kind', cell: ({encapsulation}) => encapsulation, by: ({encapsulation}) => encapsulation, rank: 3},
  {head: 'MTU', cell: ({mtu}) => mtu ?? '–', by: ({mtu}) => mtu, numeric: true, rank: 3},
  {head: 'Peer', cell: ({peer}) => <code>{peer}</code>, by: ({peer}) => peer, rank: 3},
]

export function TunnelTable({tunnels}: {readonly tunnels: readonly TunnelStatus[]}) {
  const {rates} = useLive()
  return (
    <DataTable
      caption="Tunnels"
      columns={columnsOf(rates)}
      rows={tunnels}
      keyOf={({name}) => name}
      none="No tunnels: nothing is configured, or the gateway has not planned them yet."
    />
  )
}
