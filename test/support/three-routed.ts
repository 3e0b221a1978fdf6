import type {GatewayConfig} from '../../src/model/index.ts'
import {type BgpSession, planRouting} from '../../src/routing/index.ts'
import {configOf, type nodeOf, planAll, type Sketch, worldOf} from './interconnect.ts'

const THREE: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'c', number: 3, uplinks: ['wan', 'lte']},
  ],
  pairs: {'a b': 'ipip', 'a c': 'wireguard', 'b c': 'none'},
}

/** What is planned for one of them, whose configuration differs so. */
export function routingOf(
  name: string,
  overrides: Partial<GatewayConfig>,
  options: {nodes?: ReturnType<typeof nodeOf>[]; passwords?: Record<string, string>} = {},
) {
  const configs = new Map(
    THREE.sites.map((site) => [site.name, configOf(THREE, site.name, site.name === name ? overrides : {})] as const),
  )
  const {config, sites, plan} = planAll(THREE, configs).get(name)!
  const passwords = new Map(Object.entries(options.passwords ?? {}))
  return planRouting({config, world: worldOf(sites, options.nodes), tunnels: plan.tunnels, passwords, draining: false})
}

/** The prefixes that an accepting rule of a filter names. */
export const accepted = (rules: BgpSession['import']): string[] =>
  rules
    .filter(({verdict}) => verdict === 'accept')
    .flatMap(({when}) => when.flatMap((condition) => (condition.is === 'net' ? condition.patterns : [])))
    .map(({prefix, longer}) => `${prefix}${longer ? '+' : ''}`)
