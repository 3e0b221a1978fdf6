import {type NativeWay, type NativeWays, nativeByConfig, type SiteName} from '../model/index.ts'
import type {TunnelInput} from './plan.ts'
import {type UplinkPairing, uplinkPairs} from './uplink-pairs.ts'

/**
 * Which sites' prefixes are taken from the WAN and told to it: as long as the carrier `none` stands between any two uplinks, as
 * the way itself or beside a tunnel. BGP with the WAN knows sites and no pairs of uplinks, so a site goes by the WAN first
 * only when all its pairs do.
 */
export function nativeWays(input: Pick<TunnelInput, 'config' | 'sites' | 'carriers'>): NativeWays {
  const pairs = new Map<SiteName, UplinkPairing[]>()
  for (const pairing of uplinkPairs(input)) {
    const {name, encrypted} = pairing.site
    if (encrypted) continue
    pairs.set(name, [...(pairs.get(name) ?? []), pairing])
  }
  const known = [...pairs].flatMap(([name, own]): [SiteName, NativeWay][] => {
    const native = own.flatMap(({carriers}) => carriers.filter(({encapsulation}) => encapsulation === 'none'))
    if (native.length === 0) return []
    const isFirst = own.every(({carriers}) => carriers.find(({phase}) => phase === 'open')?.encapsulation === 'none')
    return [[name, {isFirst, isLeft: native.every(({phase}) => phase === 'left')}]]
  })
  const unknown = [...nativeByConfig(input.config)].filter(([name]) => !pairs.has(name))
  return new Map([...known, ...unknown])
}
