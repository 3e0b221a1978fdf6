import type {DatastoreStatus} from '../../api/client.ts'
import {type Column, DataTable} from '../data-table.tsx'
import {count, span} from '../figures.ts'
import {useLive} from '../live.ts'
import {StateMark} from '../mark.tsx'
import {Facts, PageHead, Panel, Waiting} from '../panel.tsx'
import {hrefOf} from '../route.ts'
import type {State} from '../state.ts'

const stateOf = ({connected, synced, restored}: DatastoreStatus): {readonly state: State; readonly word: string} => {
  if (connected && synced) return {state: 'up', word: 'in sync'}
  if (connected) return {state: 'warn', word: 'reading'}
  return {state: 'down', word: restored ? 'not reached, from disk' : 'not reached'}
}

const COLUMNS: readonly Column<DatastoreStatus>[] = [
  {head: 'Datastore', cell: ({name}) => name, by: ({name}) => name},
  {
    head: 'State',
    cell: (row) => {
      const {state, word} = stateOf(row)
      return <StateMark state={state}>{word}</StateMark>
    },
    by: (row) => stateOf(row).word,
  },
  {
    head: 'Site',
    cell: ({site}) => <a href={hrefOf('sites', site)}>{site}</a>,
    by: ({site}) => site,
    rank: 2,
  },
  {
    head: 'Heard of',
    cell: ({ageSeconds}) => (ageSeconds === null ? 'never' : `${span(ageSeconds)} ago`),
    by: ({ageSeconds}) => ageSeconds,
    numeric: true,
  },
  {head: 'Revision', cell: ({revision}) => count(revision), by: ({revision}) => revision, numeric: true, rank: 3},
  {head: 'Keys', cell: ({keys}) => count(keys), by: ({keys}) => keys, numeric: true, rank: 2},
  {head: 'Bad', cell: ({decodeErrors}) => count(decodeErrors), by: ({decodeErrors}) => decodeErrors, numeric: true},
  {head: 'Last error', cell: ({lastError}) => lastError ?? '–', rank: 3},
]

export function Datastores() {
  const {status} = useLive()
  if (!status) return <Waiting />
  const {leader, leads, leaseAgeSeconds, lastError} = status.export
  return (
    <>
      <PageHead title="Datastores" />
      <Panel title="What is read">
        <DataTable
          caption="Datastores and exports"
          columns={COLUMNS}
          rows={status.datastores}
          keyOf={({name}) => name}
          none="No datastore is configured."
        />
      </Panel>
      <Panel title="What is written: the export of this site">
        <Facts
          facts={[
            ['Written by', leader === null ? 'nobody' : leads ? `${leader}, this gateway` : leader],
            ['Lease confirmed', leaseAgeSeconds === null ? 'no lease' : `${span(leaseAgeSeconds)} ago`],
            ['Last error', lastError ?? 'none'],
          ]}
        />
      </Panel>
    </>
  )
}
