import type {SiteName, SiteView, World} from '../../model/index.ts'
import {type Address, hostPrefix, parseAddress, prefixAddress, realPrefix, type Translation} from '../../net/index.ts'

/** An end of a flow that its site itself calls otherwise. */
export interface TranslatedEnd {
  readonly end: 'from' | 'to'
  readonly address: Address
  readonly site: SiteName
  /** The site's own address. */
  readonly real: Address
}

/** Which ends of a flow are translated; made once for many flows. Nothing is asked of a flow while no site is. */
export type Translated = (flow: {readonly from: string; readonly to: string}) => readonly TranslatedEnd[]

export function translatedEnds(sites: World['sites']): Translated {
  const some = [...sites.values()].filter(({translations}) => translations.length > 0)
  if (some.length === 0) return () => []
  return (flow) =>
    (['from', 'to'] as const).flatMap((end) => {
      const address = parseAddress(flow[end])
      return address === null ? [] : endOf(some, end, address)
    })
}

function endOf(
  sites: readonly Pick<SiteView, 'name' | 'translations'>[],
  end: TranslatedEnd['end'],
  address: Address,
): TranslatedEnd[] {
  return sites.flatMap(({name, translations}) => {
    const real = realAddress(translations, address)
    return real === null ? [] : [{end, address, site: name, real}]
  })
}

/** What a site itself calls an address that is known here; null: the same. */
function realAddress(translations: readonly Translation[], address: Address): Address | null {
  const real = realPrefix(translations, hostPrefix(address))
  return real && prefixAddress(real)
}
