import {writeSync} from 'node:fs'
import {startPublishing} from '../../src/gateway/publishing.ts'
import {type DatastoreName, type GatewayName, JournalMap} from '../../src/model/index.ts'
import {EXPORT, site} from './sites.ts'
import {watchClock} from './watch-clock.ts'

/**
 * A gateway as far as its export goes, in a process of its own that can be frozen and killed: ENDPOINT GATEWAY SUFFIX TTL.
 * It wants a record that changes all the time, so that it writes whenever it may; the last byte of each is SUFFIX.
 */
const [, , endpoint = '', gateway = '', suffix = '', ttl = ''] = process.argv
const stop = new AbortController()
const members = new JournalMap()
const publishing = startPublishing({
  site: site('a'),
  gateway: gateway as GatewayName,
  naming: {datastores: ['main'], gateways: ['a1', 'a2']},
  datastore: {name: 'main' as DatastoreName, endpoints: [endpoint], tls: null, user: null},
  removeAfterMs: {datastores: 60_000, gateways: 60_000},
  wanted: () => new Map([[`${EXPORT}gateways/${gateway}`, `${Date.now()} ${suffix}`]]),
  kept: [members],
  clock: watchClock,
  signal: stop.signal,
  backoffMs: {first: 50, last: 200},
  idleMs: 1000,
  ttlSeconds: Number(ttl),
  onReport: () => {},
  onLeadership: ({leads}) => writeSync(1, `${leads ? 'leads' : 'follows'}\n`),
})
let count = 0
const ticking = setInterval(() => {
  members.set(`${EXPORT}endpoints/main/10.1.0.1/x`, `${count++} ${suffix}`)
  publishing.trigger()
}, 20)
process.on('SIGTERM', () => {
  clearInterval(ticking)
  stop.abort()
})
await publishing.done
