import type {LogEntry} from '../api/client.ts'
import {StateMark} from './mark.tsx'
import {severityState} from './state.ts'

/** One thing that happened; `at` as it is told here. */
export function LogLine({entry, at}: {readonly entry: LogEntry; readonly at: string}) {
  const {severity, what, object, code} = entry
  return (
    <li class="line">
      <time dateTime={entry.at}>{at}</time>
      <StateMark state={severityState(severity)}>{severity}</StateMark>
      <div class="line-body">
        <p class="line-what">{what}</p>
        <p class="line-where">
          <code>{code}</code> {object}
        </p>
      </div>
    </li>
  )
}
