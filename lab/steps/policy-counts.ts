import type {RuleCounts} from '../../src/api/index.ts'
import type {Check} from '../scenario/schema.ts'
import type {World} from '../world.ts'
import {apiOf} from './observations.ts'
import {inRange, printRange, type Seen} from './result.ts'

type Counts = Extract<Check, {counts: unknown}>

/** As `isthmus get policy NAME -o json` tells it. */
export async function lookCounts(world: World, {counts, expect}: Counts): Promise<Seen> {
  const {gateway, policy, rule, would} = counts
  const answer = await apiOf(world, gateway).get('policies', policy)
  if (!answer.ok) return {ok: false, detail: answer.message}
  // A staged policy may have the name of one in force.
  const rows = answer.value.items.filter(({staged}) => staged === (would !== undefined))
  if (rows.length === 0) return {ok: false, detail: `no ${would ? 'staged ' : ''}policy ${policy}`}
  const isMeant = (one: RuleCounts): boolean => `${one.direction} ${one.rule}` === rule
  const tallies = rows.flatMap(({counts: {rules, changes, ...sums}}): readonly {flows: number; packets: number}[] =>
    would ? changes.filter((one) => one.would === would) : rule ? rules.filter(isMeant) : [sums],
  )
  if (rule !== undefined && tallies.length === 0) return {ok: false, detail: `${policy} has no rule ${rule}`}
  const wrong: string[] = []
  const totals = (['flows', 'packets'] as const).map((what) => {
    const seen = tallies.reduce((sum, tally) => sum + tally[what], 0)
    const wanted = what === 'packets' ? expect.packets : 'flows' in expect ? expect.flows : undefined
    if (wanted !== undefined && !inRange(seen, wanted)) wrong.push(`; ${printRange(wanted)} ${what} expected`)
    return `${seen} ${what}`
  })
  return {ok: wrong.length === 0, detail: `${totals.join(', ')}${wrong.join('')}`}
}
