import type {EndpointPage, EndpointSearch, Refused} from '../api/index.ts'
import type {AttributeSet, AttributeSetId, LoneMember, Member, World} from '../model/index.ts'
import {fourText, hostPrefix, type Prefix} from '../net/index.ts'
import {checkSelector, evaluateSelector, labelReader} from '../selectors/index.ts'
import {endpointRow} from './endpoint-rows.ts'

/** Looked at for one page: a few milliseconds. Who looks for what is rare asks again from there. */
const MOST_LOOKED_AT = 20_000

/**
 * A page of endpoints, of which there may be a million. Labels and selector are asked once for each attribute set; names
 * are looked up only where nothing else decides. Between two pages addresses may move: a page is of its own moment.
 */
export function searchEndpoints(
  world: Pick<World, 'members' | 'attributes' | 'sites'>,
  {text, selector, site, limit, after}: EndpointSearch,
  mostLookedAt = MOST_LOOKED_AT,
): EndpointPage | Refused {
  const checked = checkSelector(selector)
  if (!checked.ok) return {refused: 'bad-request', message: `selector: ${checked.message}`}
  const wanted = text.trim().toLowerCase()
  const selects = once(world.attributes, (set) => evaluateSelector(checked.ast, labelReader(set)))
  const speaks = once(world.attributes, (set) =>
    Object.entries(set.labels).some(([label, value]) => `${label}=${value}`.toLowerCase().includes(wanted)),
  )
  /** null: only its names can tell. */
  const isMeant = (address: string, {site: own, attributes}: LoneMember): boolean | null => {
    if ((site !== null && own !== site) || (selector !== '' && !selects(attributes))) return false
    return wanted === '' || address.includes(wanted) || speaks(attributes) || null
  }
  const isNamed = ({names}: Member): boolean => names.some((name) => name.toLowerCase().includes(wanted))

  const items: EndpointPage['items'][number][] = []
  let place = 0
  let isFull = false
  const look = (prefix: Prefix, holders: () => readonly Member[]): void => {
    for (const member of holders()) {
      if (isMeant(prefix, member) ?? isNamed(member)) items.push(endpointRow(world, prefix, member))
    }
  }
  /** Whether it is one of this page. */
  const isNext = (): boolean => {
    isFull ||= items.length >= limit || place - after >= mostLookedAt
    return !isFull && place++ >= after
  }
  const lone = (four: number, shared: LoneMember): void => {
    if (!isNext()) return
    const address = fourText(four)
    const prefix = hostPrefix(address)
    if (isMeant(address, shared) !== false) look(prefix, () => world.members.get(prefix) ?? [])
  }
  const other = (prefix: Prefix, holders: readonly Member[]): void => {
    if (isNext()) look(prefix, () => holders)
  }
  for (const _ of world.members.walk?.(lone, other) ?? walkPlain(world.members, other)) if (isFull) break
  return {items, total: world.members.size, next: isFull && place < world.members.size ? place : null}
}

function* walkPlain(members: World['members'], each: (prefix: Prefix, holders: readonly Member[]) => void) {
  for (const [prefix, holders] of members) yield each(prefix, holders)
}

/** An answer for each attribute set, worked out when first asked for; of a set that is not known, no. */
function once(
  attributes: World['attributes'],
  ask: (set: AttributeSet) => boolean,
): (attributes: AttributeSetId) => boolean {
  const known = new Map<AttributeSetId, boolean>()
  return (id) => {
    let answer = known.get(id)
    if (answer === undefined) {
      const set = attributes.get(id)
      answer = set !== undefined && ask(set)
      known.set(id, answer)
    }
    return answer
  }
}
