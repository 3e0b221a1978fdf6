import {type Finding, isPlain} from '../model/index.ts'
import {outerOf} from './auto.ts'
import {pairFinding} from './pair-finding.ts'
import {type Pair, theirsOf} from './tunnel-parts.ts'

/**
 * Of IPIP, in UDP or not, a packet's two outer addresses are all that tells whose it is, and the kernel makes no second device with the
 * same two. Of several far ends with one address one has it: who offers a tunnel, of these whose address the configuration
 * names as an endpoint of its site, of these the first by name. The others have a finding, and no device.
 */
export function outerTaken(pairs: readonly Pair[]): ReadonlyMap<Pair, Finding> {
  const byOuter = Map.groupBy(
    pairs.filter(({encapsulation}) => isPlain(encapsulation)),
    ({local, remote}) => `${local.address} ${outerOf(remote)}`,
  )
  const taken = new Map<Pair, Finding>()
  for (const rivals of byOuter.values()) {
    const holder = rivals.toSorted((a, b) => rank(a) - rank(b))[0]!
    for (const pair of rivals) {
      if (sameEnds(pair, holder)) continue
      const detail = `${pair.identity.remote} is at ${outerOf(pair.remote)}, as ${holder.identity.remote} is, which has the tunnel from ${pair.local.address}: of ${pair.encapsulation} there is one between two addresses`
      const remedy = `an address of its own for each${pair.site === holder.site ? '' : ', in the export that is wrong'}; behind one NAT, wireguard`
      taken.set(pair, pairFinding(pair, 'address-duplicate', detail, remedy))
    }
  }
  return taken
}

const rank = (pair: Pair): number => (theirsOf(pair) === undefined ? 2 : isNamed(pair) ? 0 : 1)

function isNamed({site, remote}: Pair): boolean {
  const outer = outerOf(remote)
  const host = outer.includes(':') ? `[${outer}]` : outer
  return site.endpoints.some((endpoint) => endpoint.replace(/^https?:\/\//, '').replace(/:\d+$/, '') === host)
}

/** Of one pair of uplinks both slots. */
const sameEnds = (a: Pair, b: Pair): boolean =>
  a.identity.local === b.identity.local && a.identity.remote === b.identity.remote
