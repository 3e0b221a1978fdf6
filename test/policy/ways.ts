import assert from 'node:assert/strict'
import type {NftSet, NftTable} from '../../src/model/index.ts'
import type {Packet} from '../../src/policy/oracle/index.ts'
import {interpret} from './nft-interpreter.ts'

export const tableOf = ({sets, chains, counters}: Omit<NftTable, 'family' | 'name'>): NftTable => ({
  family: 'inet',
  name: 'isthmus',
  sets,
  chains,
  counters,
})

/** The same elements, of their own, without what a short cut could go by. */
export const unversioned = (table: NftTable): NftTable => ({
  ...table,
  sets: new Map(
    [...table.sets].map(([name, {version, since, ...set}]) => [name, {...set, elements: new Map(set.elements)}]),
  ),
})

/** More look-ups than any packet makes. */
const MOST_LOOK_UPS = 18

/** Elements that a look-up during the commit may still find: those that change can be missed for a moment. */
function unchanged(before: NftSet, after: NftSet | undefined): NftSet {
  // Every packet asks for the same two at every turn.
  const known = kept.get(before)
  if (known && known.after === after) return known.set
  const elements = [...before.elements].filter(([key, value]) => after?.elements.get(key) === value)
  const set = {...before, elements: new Map(elements)}
  kept.set(before, {after, set})
  return set
}
const kept = new WeakMap<NftSet, {readonly after: NftSet | undefined; readonly set: NftSet}>()

/**
 * Where a packet can end that is on its way while `after` takes the place of `before`: by the rules of its coming, with
 * elements of before up to some look-up and of after from there on, the one in between missing what changes.
 */
function* endsBetween(before: NftTable, after: NftTable, packet: Packet): Generator<string> {
  for (let turn = 0; turn <= MOST_LOOK_UPS; turn++) {
    for (const missing of [false, true]) {
      let lookUp = 0
      const get = (name: string): NftSet | undefined => {
        // These are written, and say nothing of where a packet ends.
        if (after.sets.get(name)?.dynamic) return after.sets.get(name)
        const at = lookUp++
        if (at < turn) return before.sets.get(name)
        if (at > turn || !missing) return after.sets.get(name) ?? before.sets.get(name)
        return unchanged(before.sets.get(name)!, after.sets.get(name))
      }
      yield interpret({chains: before.chains, sets: {get}}, packet)
      if (lookUp <= turn) return
    }
  }
}

/** Plays a packet at every moment of the way: it must end as before or as after it. */
export function checkWay(states: readonly NftTable[], packet: Packet, allowed: readonly string[]): void {
  for (const [index, state] of states.entries()) {
    const next = states[index + 1]
    const ends = next ? [...endsBetween(state, next, packet)] : [interpret(state, packet)]
    for (const end of ends) {
      assert.ok(allowed.includes(end), `stage ${index}: ${end}, not ${allowed.join(' or ')}: ${JSON.stringify(packet)}`)
    }
  }
  assert.equal(interpret(states[0]!, packet), allowed[0])
  assert.equal(interpret(states.at(-1)!, packet), allowed[1])
}
