import {Gauge, type Registry} from 'prom-client'
import {SITE_STATES} from '../federate/index.ts'
import type {SiteName} from '../model/index.ts'
import type {Standing} from './site-watch.ts'

/** How every remote site stands; as many series as there are sites, times four for the states. */
export function createSiteMetrics(register: Registry) {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({name: `isthmus_site_${name}`, help, labelNames, registers: [register]})
  const state = gauge(
    'state',
    'Whether the remote site is in the state: fresh, suspect, stale, withdrawn or forgotten.',
    ['peer', 'state'],
  )
  const silent = gauge('silent_seconds', "Seconds since the remote site's etcd last answered.", ['peer'])
  const cut = gauge('cut_seconds', 'Seconds since a tunnel to the remote site was last up; 0 while one is.', ['peer'])
  return {
    observe(standings: ReadonlyMap<SiteName, Standing>): void {
      for (const metric of [state, silent, cut]) metric.reset()
      for (const [peer, standing] of standings) {
        for (const one of SITE_STATES) state.set({peer, state: one}, standing.state === one ? 1 : 0)
        silent.set({peer}, standing.signs.silentMs / 1000)
        if (standing.signs.cutMs !== null) cut.set({peer}, standing.signs.cutMs / 1000)
      }
    },
  }
}
