import * as z from 'zod'
import type {RouteTable} from '../model/index.ts'
import {parseDuration} from './duration.ts'
import {conflict, type Problem} from './problem.ts'
import {absolutePath, listen, parsed} from './scalars.ts'

const duration = parsed(parseDuration, 'a duration such as 2s, 30s or 10m')

/** What moves the routes of a cloud that has one target for them; its meaning is checked below. */
export const routeTable = z.strictObject({
  command: z.tuple([absolutePath], z.string()),
  listen,
  twin: listen,
  after: duration.prefault('2s'),
  backAfter: duration.prefault('1m'),
  timeout: duration.prefault('30s'),
  repeat: duration.prefault('10m'),
})

type RouteTableYaml = z.output<typeof routeTable>

/** A cloud's API counts requests, and who asks too often is refused just when it matters. */
const LEAST_REPEAT_MS = 60_000

export function* checkRouteTable(table: RouteTableYaml | undefined, twin: string | undefined): Generator<Problem> {
  if (table === undefined) return
  if (twin === undefined) {
    yield conflict(
      ['routeTable'],
      'routeTable, but no twin',
      "name the site's other gateway as `twin`, or leave it out",
    )
  }
  if (table.listen.address === table.twin.address) {
    yield conflict(['routeTable', 'twin'], `${table.twin.address} is this gateway's own`, "the twin's `listen`")
  }
  if (table.repeat < LEAST_REPEAT_MS) {
    yield conflict(['routeTable', 'repeat'], `${table.repeat / 1000} s is less than a minute`, 'minutes, as 10m')
  }
}

export const toRouteTable = ({after, backAfter, timeout, repeat, ...rest}: RouteTableYaml): RouteTable => ({
  ...rest,
  ...{afterMs: after, backAfterMs: backAfter, timeoutMs: timeout, repeatMs: repeat},
})
