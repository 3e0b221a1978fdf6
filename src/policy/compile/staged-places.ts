import type {Direction, Policy} from '../../model/index.ts'
import {type ActivePolicy, type AddressClass, compareActive} from '../classes/index.ts'

/**
 * The policies in force with the staged ones in their places: each stands in its tier and by its order; one with tier and
 * name of a policy in force stands instead of it, for all whom the one in force governs; a staged deletion only takes
 * it out.
 */
export interface StagedPlaces {
  /** Whether a policy in force would stand there no more. */
  readonly isReplaced: (policy: ActivePolicy) => boolean
  /** The staged policies that would come to govern a class. */
  readonly stagedOf: (own: AddressClass, direction: Direction) => readonly ActivePolicy[]
  /** All that would govern it then, in evaluation order. */
  readonly policiesOf: (own: AddressClass, direction: Direction) => readonly ActivePolicy[]
  /** Whether that is anything else than what governs it now. */
  readonly isTouched: (own: AddressClass, direction: Direction) => boolean
}

/** null where no staged policy is meant to change anything. */
export function stagedPlaces(documents: readonly Policy[]): StagedPlaces | null {
  const staged = documents.filter(({stagedAction}) => stagedAction !== 'Ignore')
  if (staged.length === 0) return null
  /** By name, since hundreds of thousands are asked about: most by a name that nothing staged has. */
  const tiers = new Map<string, Set<string>>()
  for (const {tier, meta} of staged) tiers.set(meta.name, (tiers.get(meta.name) ?? new Set()).add(tier))
  const isReplaced = ({document: {tier, meta}}: ActivePolicy): boolean => tiers.get(meta.name)?.has(tier) ?? false
  const stagedOf = (own: AddressClass, direction: Direction): readonly ActivePolicy[] =>
    (direction === 'egress' ? own.stagedEgress : own.stagedIngress).filter(
      ({document}) => document.stagedAction === undefined,
    )
  return {
    isReplaced,
    stagedOf,
    policiesOf: (own, direction) => {
      const kept = own[direction].filter((policy) => !isReplaced(policy))
      return [...kept, ...stagedOf(own, direction)].sort(compareActive)
    },
    isTouched: (own, direction) => stagedOf(own, direction).length > 0 || own[direction].some(isReplaced),
  }
}
