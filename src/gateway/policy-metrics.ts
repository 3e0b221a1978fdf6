import {Counter, type Registry} from 'prom-client'
import type {PolicyCounts} from './policy-counts.ts'

/** At most so many policies, or ends of tiers, have series of their own. */
export const MOST_POLICIES = 200

/**
 * What policies decided. Series are bounded: those with most flows get a place, as long as there is one, and keep it;
 * all others together are `policy="other"`. Nobody who is in there comes out again, or its counter would go down.
 */
export function createPolicyMetrics(register: Registry) {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({name: `isthmus_policy_${name}_total`, help, labelNames, registers: [register]})
  const labels = ['tier', 'policy', 'direction', 'action'] as const
  const flows = counter(
    'flows',
    'Flows that a policy decided, in each direction: packets of flows not judged before.',
    labels,
  )
  const packets = counter(
    'packets',
    'Judged packets that a policy decided: all that were denied, few of those allowed.',
    labels,
  )
  const change = ['policy', 'direction', 'would'] as const
  const changes = counter('staged_change', 'Flows that a staged policy would decide otherwise.', change)
  const changePackets = counter('staged_change_packets', 'Packets that a staged policy would decide otherwise.', change)
  const uncounted = counter('uncounted_packets', 'Judged packets that are in the count of no policy.', [])
  const errors = counter('count_errors', 'Times that the counts could not be taken from the kernel.', [])
  const places = placeBook()
  const stagedPlaces = placeBook()

  return {
    observe({totals, failures}: Pick<PolicyCounts, 'totals' | 'failures'>): void {
      for (const metric of [flows, packets, changes, changePackets, uncounted, errors]) metric.reset()
      const rules = totals.rules().map((total) => ({...total, place: `${total.tier ?? ''}/${total.policy ?? ''}`}))
      places.fill(rules)
      for (const total of rules) {
        const [tier, policy] = places.has(total.place) ? [total.tier ?? '', total.policy ?? ''] : ['', OTHER]
        const series = {tier, policy, direction: total.direction ?? '', action: total.action}
        flows.inc(series, total.flows)
        packets.inc(series, total.packets)
      }
      const staged = totals.staged().map((total) => ({...total, place: total.policy}))
      stagedPlaces.fill(staged)
      for (const {place, direction, would, flows: changed, packets: changedPackets} of staged) {
        const series = {policy: stagedPlaces.has(place) ? place : OTHER, direction, would}
        changes.inc(series, changed)
        changePackets.inc(series, changedPackets)
      }
      uncounted.inc(totals.beyond() + totals.unknown().packets)
      errors.inc(failures())
    },
  }
}

const OTHER = 'other'

function placeBook() {
  const taken = new Set<string>()
  return {
    has: (place: string): boolean => taken.has(place),
    fill(totals: readonly {readonly place: string; readonly flows: number}[]): void {
      if (taken.size >= MOST_POLICIES) return
      const waiting = new Map<string, number>()
      for (const {place, flows} of totals) if (!taken.has(place)) waiting.set(place, (waiting.get(place) ?? 0) + flows)
      const first = [...waiting].sort(([a, most], [b, more]) => more - most || (a < b ? -1 : 1))
      for (const [place] of first.slice(0, MOST_POLICIES - taken.size)) taken.add(place)
    },
  }
}
