import {askAll} from './dashboards.ts'

/** For the lab: asks the Prometheus of the argument all that the dashboards ask. Status 1 with what has no answer, or no data and should have some. */

/** What gateways that encrypt nothing, have no twin and hide no pods cannot tell; and what has not happened. */
const ABSENT = [
  'last_handshake',
  'route_table',
  'form_passes',
  'key_made',
  'isthmus_twin_alive',
  'isthmus_node_nat',
  'annotation Configuration',
]

const [base] = process.argv.slice(2)
if (base === undefined) throw new Error('usage: ask-dashboards URL')
const {refused, empty} = await askAll(base, '1m')
const lacking = empty.filter((query) => !ABSENT.some((part) => query.includes(part)))
process.stdout.write([...refused, ...lacking].map((line) => `${line}\n`).join(''))
process.exitCode = refused.length + lacking.length > 0 ? 1 : 0
