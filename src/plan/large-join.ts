import type {Desired, GatewayConfig, NativeWays, World} from '../model/index.ts'
import {isClosedTo} from './rule-texts.ts'
import type {PolicyPart, RulesetFrame} from './ruleset.ts'

/** What a frame was made of, and how much there was in it. */
export interface Framed {
  readonly config: GatewayConfig
  readonly sites: World['sites']
  readonly tunnels: Desired['tunnels']
  readonly native: NativeWays
  readonly frame: RulesetFrame
  readonly elements: number
}

const LARGE_JOIN = 10_000

export const elementsIn = ({sets}: Pick<PolicyPart, 'sets'>): number =>
  [...sets.values()].reduce((sum, {elements}) => sum + elements.size, 0)

/**
 * Whether very many endpoints come together with tunnels or the like. Then policy comes first, in the frame that was, since in one
 * transaction with rules they take the text way, a kilobyte each for the moment and twice the time (decision 0193). Only
 * where the new frame lets through all that the old one does: so nothing passes that neither would let pass.
 */
export function isLargeJoin(before: Framed | null, now: Framed): before is Framed {
  if (!before || before.frame === now.frame || now.elements - before.elements < LARGE_JOIN) return false
  const kept = new Set(now.tunnels.map(({id, device}) => `${id} ${device}`))
  return (
    before.config === now.config &&
    before.tunnels.every(({id, device}) => kept.has(`${id} ${device}`)) &&
    [...before.native.keys()].every((site) => now.native.get(site)?.isLeft === before.native.get(site)?.isLeft) &&
    [...now.config.sites.keys()].every((site) => isClosedTo({world: before}, site) || !isClosedTo({world: now}, site))
  )
}
