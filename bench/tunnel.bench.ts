import {partsOf} from './parts.ts'
import {failover} from './tunnel/failover.ts'
import {lookCosts} from './tunnel/look-costs.ts'
import {throughGateways} from './tunnel/through-gateways.ts'
import {twoUplinks} from './tunnel/two-uplinks.ts'
import {wanRoutes} from './tunnel/wan-routes.ts'

/** What tunnels cost, and how long it takes where one of two gateways is lost. docs/performance.md says how it is taken. */
export const bench = partsOf('tunnel', {
  forwarding: throughGateways,
  looks: lookCosts,
  ecmp: twoUplinks,
  bgp: wanRoutes,
  failover,
})
