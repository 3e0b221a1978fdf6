import type {SessionStatus} from '../api/client.ts'
import {type Column, DataTable} from './data-table.tsx'
import {count, secondsSince, span} from './figures.ts'
import {StateMark} from './mark.tsx'
import {hrefOf} from './route.ts'

const COLUMNS: readonly Column<SessionStatus>[] = [
  {
    head: 'Session',
    cell: ({name, protocol}) => <a href={hrefOf('peers', `${protocol} ${name}`)}>{name}</a>,
    by: ({name}) => name,
  },
  {
    head: 'State',
    cell: ({up, state}) => <StateMark state={up ? 'up' : 'down'}>{state}</StateMark>,
    by: ({up, state}) => `${Number(up)} ${state}`,
  },
  {head: 'Protocol', cell: ({protocol}) => protocol.toUpperCase(), by: ({protocol}) => protocol, rank: 2},
  {head: 'With', cell: ({kind}) => kind, by: ({kind}) => kind, rank: 2},
  {head: 'Neighbour', cell: ({neighbor}) => <code>{neighbor}</code>, by: ({neighbor}) => neighbor, rank: 3},
  {head: 'AS', cell: ({as}) => as ?? '–', by: ({as}) => as, numeric: true, rank: 3},
  {
    head: 'For',
    cell: ({since}) => span(secondsSince(since, Date.now())),
    by: ({since}) => secondsSince(since, Date.now()),
    numeric: true,
    rank: 2,
  },
  {head: 'In', cell: ({imported}) => count(imported), by: ({imported}) => imported, numeric: true},
  {head: 'Out', cell: ({exported}) => count(exported), by: ({exported}) => exported, numeric: true},
]

export function SessionTable({sessions}: {readonly sessions: readonly SessionStatus[]}) {
  return (
    <DataTable
      caption="Sessions"
      columns={COLUMNS}
      rows={sessions}
      keyOf={({name, protocol}) => `${protocol} ${name}`}
      none="No sessions: BIRD does not answer, or none is configured."
    />
  )
}
