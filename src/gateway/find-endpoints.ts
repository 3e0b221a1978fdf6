import {setImmediate as nextTurn} from 'node:timers/promises'
import type {EndpointRow} from '../api/index.ts'
import type {AttributeSet, AttributeSetId, Member, World} from '../model/index.ts'
import {fourText, type Prefix, parseCidr} from '../net/index.ts'
import {evaluateSelector, labelReader, type Selector} from '../selectors/index.ts'
import {endpointRow, endpointRows} from './endpoint-rows.ts'

/** The search is laid aside this often: others, the pass among them, must not wait for a million addresses. */
const SLICE_MS = 8

/** What is absent or null does not matter. */
interface MeantEndpoints {
  readonly name?: string | null
  readonly selector?: Selector | null
  readonly text?: string | null
}

/**
 * Endpoints by address or prefix, by the name of what is behind them (`shop/web-1`), by labels, or by a part of any of these.
 *
 * A selector is evaluated once for each attribute set, and no row is made of what it does not mean: a search of a million
 * costs some tens of milliseconds, in slices. What comes or goes meanwhile may be found or not.
 */
export function findEndpoints(
  worldNow: () => World,
  {name = null, selector = null, text = null}: MeantEndpoints,
): Iterable<EndpointRow> | AsyncIterable<EndpointRow> {
  const world = worldNow()
  if (name === null && selector === null && text === null) return endpointRows(world)
  const prefix = name === null ? null : parseCidr(name)
  const selects = selector && ofSets((set) => evaluateSelector(selector, labelReader(set)))
  const isMeant = (now: World, {attributes}: Pick<Member, 'attributes'>): boolean => selects?.(now, attributes) ?? true
  const says = text === null ? null : sayer(text.trim().toLowerCase())
  const matches: Matches = (now, at, member) =>
    (name === null || prefix !== null || member.names.includes(name)) && (says?.(now, at, member) ?? true)
  if (prefix === null) return search(worldNow, isMeant, matches)
  return (world.members.get(prefix) ?? [])
    .filter((member) => isMeant(world, member) && matches(world, prefix, member))
    .map((member) => endpointRow(world, prefix, member))
}

type Matches = (world: World, prefix: Prefix, member: Member) => boolean

function sayer(wanted: string): Matches {
  const speaks = ofSets(({labels}) =>
    Object.entries(labels).some(([label, value]) => `${label}=${value}`.toLowerCase().includes(wanted)),
  )
  return (world, prefix, {attributes, names}) =>
    prefix.includes(wanted) || speaks(world, attributes) || names.some((name) => name.toLowerCase().includes(wanted))
}

async function* search(
  worldNow: () => World,
  isMeant: (world: World, member: Pick<Member, 'attributes'>) => boolean,
  matches: Matches,
): AsyncGenerator<EndpointRow, undefined> {
  let world = worldNow()
  const {members} = world
  const found: EndpointRow[] = []
  const look = (prefix: Prefix, held: readonly Member[]): void => {
    for (const member of held) {
      if (isMeant(world, member) && matches(world, prefix, member)) found.push(endpointRow(world, prefix, member))
    }
  }
  const lookAt = (four: number, shared: Pick<Member, 'attributes'>): void => {
    if (!isMeant(world, shared)) return
    const prefix = `${fourText(four)}/32` as Prefix
    look(prefix, members.get(prefix) ?? [])
  }
  let untilMs = performance.now() + SLICE_MS
  for (const _ of members.walk?.(lookAt, look) ?? eachOf(members, look)) {
    yield* found.splice(0)
    if (performance.now() < untilMs) continue
    await nextTurn()
    world = worldNow()
    untilMs = performance.now() + SLICE_MS
  }
  yield* found
  return undefined
}

function* eachOf(members: World['members'], look: (prefix: Prefix, held: readonly Member[]) => void): Generator<void> {
  for (const [prefix, held] of members) {
    look(prefix, held)
    yield
  }
}

/** Of each attribute set asked once; of one that is not known: no. */
function ofSets(ask: (set: AttributeSet) => boolean) {
  const known = new Map<AttributeSetId, boolean>()
  return ({attributes}: Pick<World, 'attributes'>, id: AttributeSetId): boolean => {
    let answer = known.get(id)
    if (answer === undefined) {
      const set = attributes.get(id)
      answer = set !== undefined && ask(set)
      if (set) known.set(id, answer)
    }
    return answer
  }
}
