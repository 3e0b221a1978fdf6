import {FIRST_ORDER, type Policy, type Resource, type Root, type Tier} from '../model/index.ts'
import type {Problem} from './fields.ts'
import type {ResourceKey} from './resource.ts'

/** Errors in these leave it readable whom a policy governs, in which tier, in which directions. */
const LEAVES_POLICY = /^(?:metadata(?:\.|$)|spec\.(?:order|ingress|egress|doNotTrack|preDNAT|applyOnForward)(?:[.[]|$))/

/** In Calico's tree an annotation says whether a policy is global at all. */
const LEAVES_SCOPE = /^(?!metadata$|metadata\.annotations(?:$|\.isthmus\.io\/))/

/** Errors in these leave it readable where a tier stands and how it ends. */
const LEAVES_TIER = /^metadata(?:\.|$)/

/**
 * What is in force in place of a document that was refused, where no good version of it is known; null: nothing.
 *
 * A policy whose tier, selector and types could be read denies what it selects in those directions: at its own place, or
 * first in its tier where the order could not be read. A tier whose order could not be read comes first; its policies
 * are for whoever knows them to refuse (`resolvePolicies`): whichever place were guessed, a rule of theirs or of another
 * tier's could come to decide what it never should. `resource` is what the decoder made of it, null when nothing.
 */
export function standInFor(
  root: Root,
  key: ResourceKey,
  resource: Resource | null,
  problems: readonly Problem[],
): Resource | null {
  const errors = problems.filter(({severity}) => severity === 'error')
  const leaves = (pattern: RegExp): boolean => errors.every(({path}) => pattern.test(path))
  if (key.entry.kind === 'Tier') {
    return resource?.kind === 'Tier' && leaves(LEAVES_TIER) ? resource : refusedTier(key.name)
  }
  if (resource?.kind !== 'GlobalNetworkPolicy' || !leaves(LEAVES_POLICY)) return null
  if (root === 'calico' && !leaves(LEAVES_SCOPE)) return null
  return refusedPolicy(
    resource,
    errors.some(({path}) => path === 'spec.order'),
  )
}

/** A tier of which only the key could be read. */
export const refusedTier = (name: string): Tier => ({
  kind: 'Tier',
  meta: {name, namespace: null, labels: {}, annotations: {}},
  order: FIRST_ORDER,
  defaultAction: 'Deny',
  refused: true,
})

const refusedPolicy = (policy: Policy, first: boolean): Policy => ({
  ...policy,
  order: first ? FIRST_ORDER : policy.order,
  ingress: [],
  egress: [],
  refused: true,
})
