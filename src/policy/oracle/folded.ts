import type {EntityRule, Policy} from '../../model/index.ts'
import {type FoldedPeer, type FoldedSubject, foldPeer, foldSubject} from '../../selectors/index.ts'

const subjects = new WeakMap<Policy, FoldedSubject>()
const peers = new WeakMap<EntityRule, FoldedPeer>()

/** The one thing that the oracle remembers: to parse each selector for each packet took half of its time. */
export function subjectOf(policy: Policy): FoldedSubject {
  const known = subjects.get(policy) ?? foldSubject(policy)
  subjects.set(policy, known)
  return known
}

export function peerOf(side: EntityRule): FoldedPeer {
  const known = peers.get(side) ?? foldPeer(side)
  peers.set(side, known)
  return known
}
