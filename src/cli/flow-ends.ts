import type {World} from '../model/index.ts'
import {familyOf, isHostPrefix, parseAddress, prefixAddress} from '../net/index.ts'

/** An endpoint that has a name: `shop/web-1`, as `get endpoints` shows it. */
export interface NamedEndpoint {
  readonly address: string
  readonly site: string
}

/** All endpoints of a name. */
export type FindNamed = (name: string) => Promise<readonly NamedEndpoint[]>

type Ends = {readonly from: string; readonly to: string}

/**
 * The addresses that the ends of a flow mean: each an address, or the name of one endpoint. An endpoint with an address of
 * each family is meant by that of the other end's, of two such by IPv4. A text instead: what is wrong.
 */
export async function flowEnds({from, to}: Ends, find: FindNamed): Promise<Ends | string> {
  const [sources, targets] = [await candidates(from, find), await candidates(to, find)]
  for (const [field, text, some] of [
    ['from', from, sources],
    ['to', to, targets],
  ] as const) {
    const [family4, family6] = [4, 6].map((family) => some.filter(({address}) => familyOfText(address) === family))
    if (some.length === 0) {
      return `${field}: ${text} is no address and no name of an endpoint; isthmus get endpoints shows both`
    }
    if (family4!.length > 1 || family6!.length > 1) {
      const all = some.map(({address, site}) => `${address} (site ${site})`).join(', ')
      return `${field}: ${text} is several: ${all}; one of these addresses says which`
    }
  }
  for (const family of [4, 6]) {
    const [source, target] = [sources, targets].map((some) =>
      some.find(({address}) => familyOfText(address) === family),
    )
    if (source && target) return {from: source.address, to: target.address}
  }
  return {from: sources[0]!.address, to: targets[0]!.address}
}

async function candidates(text: string, find: FindNamed): Promise<readonly NamedEndpoint[]> {
  if (parseAddress(text) !== null) return [{address: text, site: ''}]
  // A prefix, or a network set's name, is no end of a flow.
  return (await find(text)).filter(({address}) => parseAddress(address) !== null)
}

function familyOfText(text: string): number | null {
  const address = parseAddress(text)
  return address && familyOf(address)
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
