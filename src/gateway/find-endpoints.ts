import {setImmediate as nextTurn} from 'node:timers/promises'
import type {EndpointRow} from '../api/index.ts'
import type {AttributeSetId, Member, World} from '../model/index.ts'
import {fourText, type Prefix, parseCidr} from '../net/index.ts'
import {evaluateSelector, labelReader, type Selector} from '../selectors/index.ts'
import {endpointRow, endpointRows} from './endpoint-rows.ts'

/** The search is laid aside this often: others, the pass among them, must not wait for a million addresses. */
const SLICE_MS = 8

/**
 * Endpoints by address or prefix, by the name of what is behind them (`shop/web-1`), or by labels.
 *
 * A selector is evaluated once for each attribute set, and no row is made of what it does not mean: a search of a million
 * costs some tens of milliseconds, in slices. What comes or goes meanwhile may be found or not.
 */
export function findEndpoints(
  worldNow: () => World,
  name: string | null,
  selector: Selector | null,
): Iterable<EndpointRow> | AsyncIterable<EndpointRow> {
  const prefix = name === null ? null : parseCidr(name)
  const world = worldNow()
  if (prefix !== null) return rowsAt(world, prefix, selector)
  return name === null && selector === null ? endpointRows(world) : search(worldNow, name, selector)
}

function rowsAt(world: World, prefix: Prefix, selector: Selector | null): EndpointRow[] {
  const isMeant = meaning(selector)
  return (world.members.get(prefix) ?? [])
    .filter(({attributes}) => isMeant(world, attributes))
    .map((member) => endpointRow(world, prefix, member))
}

async function* search(
  worldNow: () => World,
  name: string | null,
  selector: Selector | null,
): AsyncGenerator<EndpointRow, undefined> {
  const isMeant = meaning(selector)
  let world = worldNow()
  const {members} = world
  const found: EndpointRow[] = []
  const look = (prefix: Prefix, held: readonly Member[]): void => {
    for (const member of held) {
      if ((name === null || member.names.includes(name)) && isMeant(world, member.attributes)) {
        found.push(endpointRow(world, prefix, member))
      }
    }
  }
  const lookAt = (four: number, {attributes}: Pick<Member, 'attributes'>): void => {
    if (!isMeant(world, attributes)) return
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

/** Of each attribute set once. */
function meaning(selector: Selector | null): (world: Pick<World, 'attributes'>, id: AttributeSetId) => boolean {
  const known = new Map<AttributeSetId, boolean>()
  return ({attributes}, id) => {
    if (selector === null) return true
    let isMeant = known.get(id)
    if (isMeant === undefined) {
      const set = attributes.get(id)
      isMeant = set !== undefined && evaluateSelector(selector, labelReader(set))
      if (set) known.set(id, isMeant)
    }
    return isMeant
  }
}
