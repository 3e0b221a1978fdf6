import type {World} from '../model/index.ts'
import {type Family, familyOf, isHostPrefix, parseAddress, prefixAddress} from '../net/index.ts'
import type {ExitStatus} from './context.ts'

/** An endpoint that has a name: `shop/web-1`, as `get endpoints` shows it. */
export interface NamedEndpoint {
  readonly address: string
  readonly site: string
}

/** All endpoints of a name; a status: nobody can be asked, which has been said. */
export type FindNamed = (name: string) => Promise<readonly NamedEndpoint[] | ExitStatus>

type Ends = {readonly from: string; readonly to: string}

/**
 * The addresses that the ends of a flow mean: each an address, or the name of one endpoint. An endpoint with an address of
 * each family is meant by that of the other end's, of two such by IPv4. A text instead: what is wrong; a status: as `find`'s.
 */
export async function flowEnds({from, to}: Ends, find: FindNamed): Promise<Ends | string | ExitStatus> {
  const sources = await candidates(from, find)
  if (typeof sources === 'number') return sources
  const targets = await candidates(to, find)
  if (typeof targets === 'number') return targets
  const problem = unclear('from', from, sources) ?? unclear('to', to, targets)
  if (problem !== null) return problem
  const family = ([4, 6] as const).find((one) => of(sources, one).length > 0 && of(targets, one).length > 0)
  const [source] = family ? of(sources, family) : sources
  const [target] = family ? of(targets, family) : targets
  return {from: source!.address, to: target!.address}
}

function unclear(field: keyof Ends, text: string, some: readonly NamedEndpoint[]): string | null {
  if (some.length === 0) {
    return `${field}: ${text} is no address and no name of an endpoint; isthmus get endpoints shows both`
  }
  if (of(some, 4).length <= 1 && of(some, 6).length <= 1) return null
  const all = some.map(({address, site}) => `${address} (site ${site})`).join(', ')
  return `${field}: ${text} is several: ${all}; one of these addresses says which`
}

async function candidates(text: string, find: FindNamed): Promise<readonly NamedEndpoint[] | ExitStatus> {
  if (parseAddress(text) !== null) return [{address: text, site: ''}]
  const found = await find(text)
  // A prefix, or a network set's name, is no end of a flow.
  return typeof found === 'number' ? found : [...of(found, 4), ...of(found, 6)]
}

function of(some: readonly NamedEndpoint[], family: Family): readonly NamedEndpoint[] {
  return some.filter(({address}) => {
    const parsed = parseAddress(address)
    return parsed !== null && familyOf(parsed) === family
  })
}

/** Of a World that was made of snapshots. */
export function namedIn({members}: Pick<World, 'members'>, name: string): NamedEndpoint[] {
  const named: NamedEndpoint[] = []
  for (const [prefix, held] of members) {
    if (!isHostPrefix(prefix)) continue
    for (const {site, names} of held) if (names.includes(name)) named.push({address: prefixAddress(prefix), site})
  }
  return named
}
