import type {GatewayStatus} from '../api/client.ts'
import {type Column, DataTable} from './data-table.tsx'
import {count, milliseconds} from './figures.ts'
import {StateMark} from './mark.tsx'
import {hrefOf} from './route.ts'
import {type Tie, tiesOf} from './topology/ties.ts'

const COLUMNS: readonly Column<Tie>[] = [
  {
    head: 'Site',
    cell: ({site}) => <a href={hrefOf('sites', site.name)}>{site.name}</a>,
    by: ({site}) => site.name,
  },
  {
    head: 'State',
    cell: ({state, word}) => <StateMark state={state}>{word}</StateMark>,
    by: ({state}) => ['down', 'warn', 'idle', 'up'].indexOf(state),
  },
  {head: 'Tunnels', cell: ({up, tunnels}) => `${up}/${tunnels.length}`, by: ({up}) => up, numeric: true},
  {head: 'Round trip', cell: ({rttMs}) => milliseconds(rttMs), by: ({rttMs}) => rttMs, numeric: true, rank: 2},
  {head: 'Pods', cell: ({site}) => count(site.pods), by: ({site}) => site.pods, numeric: true, rank: 3},
  {head: 'Refused', cell: ({site}) => count(site.refused), by: ({site}) => site.refused, numeric: true, rank: 3},
  {head: 'Prefixes', cell: ({site}) => <code>{some(site.prefixes)}</code>, rank: 3},
]

const some = (prefixes: readonly string[]): string =>
  prefixes.length > 2 ? `${prefixes.slice(0, 2).join(' ')} +${prefixes.length - 2}` : prefixes.join(' ')

/** All other sites; also what the picture says, for whoever cannot see it. */
export function SiteTable({status}: {readonly status: GatewayStatus}) {
  return (
    <DataTable
      caption="Other sites"
      columns={COLUMNS}
      rows={tiesOf(status.sites, status.tunnels)}
      keyOf={({site}) => site.name}
      none="No other site is configured."
    />
  )
}
