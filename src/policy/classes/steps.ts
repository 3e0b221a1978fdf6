import type {EachLone, Member, Members} from '../../model/index.ts'
import type {Prefix} from '../../net/index.ts'

/** Work in small steps, so that whoever has others waiting may lay it aside between two of them. */
export type Steps<T> = Generator<void, T, undefined>

/** All steps at once. */
export function whole<T>(steps: Steps<T>): T {
  for (;;) {
    const {done, value} = steps.next()
    if (done) return value
  }
}

/** Each prefix that has members: by numbers where the map can, else all of them as prefixes. */
export function* walkMembers(
  members: Members,
  eachLone: EachLone,
  eachOther: (prefix: Prefix, holders: readonly Member[]) => void,
): Steps<void> {
  if (members.walk) return yield* toSteps(members.walk(eachLone, eachOther))
  for (const [prefix, holders] of members) {
    eachOther(prefix, holders)
    yield
  }
}

function* toSteps(steps: Iterable<void>): Steps<void> {
  for (const _ of steps) yield
}
