import type {GatewayConfig} from '../model/index.ts'
import {
  type Address,
  comparePrefixes,
  type Family,
  type Prefix,
  prefixAddress,
  prefixContains,
  prefixFamily,
} from '../net/index.ts'
import type {BirdConfig, Condition, StaticProtocol} from './bird-config.ts'
import {aggregatesProtocol, FALLBACK_PREFERENCE, type RoutingInput} from './input.ts'
import {aggregatesTo, ownPrefixes} from './site-filters.ts'

/** So many parts of an own prefix are looked at; of different nodes first. */
const MOST_WITNESSES = 16

const insideTable = (family: Family): string => `inside${family}`
const wholeTable = (family: Family): string => `whole${family}`

/**
 * Own prefixes whole, for the routers that are told so (`aggregate`), each while some part of it is reachable.
 *
 * BIRD 2.0 makes no aggregates, but a static route may hang on an address: it is reachable while that address is, by
 * some part in a table where parts are all there is. So each own prefix hangs on one address of each of some parts that
 * are known (blocks of nodes, static prefixes), any of which will do. BIRD follows them by itself; who they are is all
 * that is planned. They come into the main table from one of their own, and only those that are reachable: between
 * static routes BIRD does not choose by that. In the kernel an own prefix stays unreachable.
 */
export function planAggregates({config, world}: RoutingInput): Aggregates {
  const families = ([4, 6] as const).filter((family) => aggregatesTo(config, family))
  const statics = families.flatMap((family): StaticProtocol[] => {
    const routes = config.owns
      .filter((owned) => prefixFamily(owned) === family)
      .sort(comparePrefixes)
      .flatMap((owned) => witnessesIn(owned, config, world.blocks).map((witness) => ({prefix: owned, to: {witness}})))
    if (routes.length === 0) return []
    const comment = 'Own prefixes, whole: reachable while one of these addresses is, which stand for what is inside.'
    const [preference, tables] = [FALLBACK_PREFERENCE + 1, {routes: wholeTable(family), witnesses: insideTable(family)}]
    return [{name: aggregatesProtocol(family), family, comment, preference, tables, routes}]
  })
  const used = statics.map(({family}) => family)
  return {
    statics,
    tables: used.flatMap((family) => [insideTable, wholeTable].map((name) => ({name: name(family), family}))),
    pipes: used.flatMap((family) => {
      const parts: Condition[] = [...ownPrefixes(config, family), {is: 'reachable'}]
      return [
        pipe('parts', family, `master${family}`, insideTable(family), parts),
        pipe('wholes', family, wholeTable(family), `master${family}`, [{is: 'reachable'}]),
      ]
    }),
    kernelUnreachable: statics.map(({name}) => name),
  }
}

type Aggregates = Pick<BirdConfig, 'statics' | 'tables' | 'pipes' | 'kernelUnreachable'>

const pipe = (name: string, family: Family, from: string, to: string, when: readonly Condition[]) => ({
  ...{name: `${name}${family}`, from, to},
  rules: [{when, verdict: 'accept'} as const],
})

function witnessesIn(owned: Prefix, config: GatewayConfig, blocks: RoutingInput['world']['blocks']): Address[] {
  const nodes = new Map<string, number>()
  const parts = [
    ...config.static.map(({prefix}) => ({prefix, turn: 0})),
    ...blocks.map(({cidr, node}) => {
      const turn = nodes.get(node) ?? 0
      nodes.set(node, turn + 1)
      return {prefix: cidr, turn}
    }),
  ].filter(({prefix}) => prefixContains(owned, prefix))
  const sorted = parts.sort((a, b) => a.turn - b.turn || comparePrefixes(a.prefix, b.prefix))
  const chosen = [...new Set(sorted.map(({prefix}) => prefixAddress(prefix)))].slice(0, MOST_WITNESSES)
  return chosen.sort()
}
