import type {AttributeSet, Member, SiteName, World} from '../model/index.ts'
import {inSlices} from './slices.ts'

export interface SiteCounts {
  pods: number
  hosts: number
  sets: number
  staticPrefixes: number
}

type Counted = Pick<World, 'members' | 'memberRevision' | 'attributes'>
type Counts = ReadonlyMap<SiteName, SiteCounts>

/** Up to here they are counted at once: a millisecond or two. */
const COUNTED_AT_ONCE = 20_000

/**
 * Members by site, for status. A table of a million takes 100 ms to walk, in which nothing else would be done: it is walked
 * in slices, and what was counted before stands meanwhile.
 */
export function createMemberCounts(): (world: Counted) => Counts {
  let known: {readonly of: Counted['members']; readonly revision: number; readonly counts: Counts} | null = null
  let counting = false

  const note = ({members, memberRevision}: Counted, counts: Counts): Counts => {
    known = {of: members, revision: memberRevision, counts}
    return counts
  }
  const countBeside = async (world: Counted): Promise<void> => {
    counting = true
    try {
      note(world, await inSlices(countMembers(world)))
    } catch {
      // Whoever asks next counts at once, and hears of it.
      known = null
    } finally {
      counting = false
    }
  }

  return (world) => {
    if (known?.of === world.members && known.revision === world.memberRevision) return known.counts
    if (known?.of !== world.members || world.members.size <= COUNTED_AT_ONCE) {
      const steps = countMembers(world)
      for (;;) {
        const {done, value} = steps.next()
        if (done) return note(world, value)
      }
    }
    if (!counting) void countBeside(world)
    return known.counts
  }
}

function* countMembers({members, attributes}: Counted): Generator<void, Counts> {
  const counts = new Map<SiteName, SiteCounts>()
  const add = ({site, attributes: id}: Pick<Member, 'site' | 'attributes'>): void => {
    let own = counts.get(site)
    if (!own) {
      own = {pods: 0, hosts: 0, sets: 0, staticPrefixes: 0}
      counts.set(site, own)
    }
    const kind = attributes.get(id)?.kind
    if (kind) own[FIELD[kind]]++
  }
  const each = (all: readonly Member[]): void => all.forEach(add)
  if (members.walk) {
    for (const _ of members.walk(
      (_four, shared) => add(shared),
      (_prefix, all) => each(all),
    ))
      yield
  } else {
    for (const all of members.values()) {
      each(all)
      yield
    }
  }
  return counts
}

const FIELD: Readonly<Record<AttributeSet['kind'], keyof SiteCounts>> = {
  ...{pod: 'pods', host: 'hosts', set: 'sets', prefix: 'staticPrefixes'},
}
