import {type Address, addressFromNumber, type Family} from '../net/index.ts'
import type {Difference} from './difference.ts'
import type {Judgement, NumberedRange} from './judgement.ts'

/** Addresses that the kernel has under one number and the fresh plan under another. */
interface Group {
  readonly kernel: number
  readonly wanted: number
  readonly members: string[]
}

/** Of many addresses that are judged otherwise in the same way so many are told. */
const MOST_MEMBERS = 20

/**
 * The kernel's judgement against one that was made from nothing. Numbers of classes mean nothing across the two, so what
 * is compared is what they lead to: who is known at all, and for every pair of addresses the chain that decides, whose
 * name is its content. Addresses that bear the same two numbers are asked once.
 */
export function compareJudgement(kernel: Judgement, wanted: Judgement): Difference[] {
  const differences: Difference[] = kernel.twofold.map((where) => ({
    where,
    kernel: 'one class as a source and another as a destination',
    wanted: 'one class',
  }))
  for (const address of wanted.hosts.keys()) {
    if (!kernel.hosts.has(address)) differences.push({where: address, kernel: 'not there', wanted: 'an endpoint'})
  }
  for (const address of kernel.hosts.keys()) {
    if (!wanted.hosts.has(address)) differences.push({where: address, kernel: 'an endpoint', wanted: 'not there'})
  }
  if (kernel.onTheWay > 0) {
    differences.push({
      where: 'policy',
      kernel: `${kernel.onTheWay} elements of a change under way`,
      wanted: 'no change under way',
    })
  }
  const groups = groupsOf(kernel, wanted)
  for (const from of groups) {
    const wrong = groups.flatMap((to) => {
      const [has, should] = [kernel.verdict(from.kernel, to.kernel), wanted.verdict(from.wanted, to.wanted)]
      return has === should ? [] : [{to: to.members[0]!, has, should}]
    })
    const [first] = wrong
    if (!first) continue
    const more = wrong.length > 1 ? ` and ${wrong.length - 1} other kinds of address` : ''
    for (const where of from.members) {
      differences.push({
        where,
        kernel: `to ${first.to}${more}: ${first.has}`,
        wanted: first.should,
      })
    }
  }
  return differences
}

function groupsOf(kernel: Judgement, wanted: Judgement): Group[] {
  const groups = new Map<number, Map<number, Group>>()
  const add = (numbers: {kernel: number; wanted: number}, member: string): void => {
    const row = groups.get(numbers.kernel) ?? new Map<number, Group>()
    groups.set(numbers.kernel, row)
    const group = row.get(numbers.wanted) ?? {...numbers, members: []}
    row.set(numbers.wanted, group)
    if (group.members.length < MOST_MEMBERS) group.members.push(member)
  }
  const both = (address: Address) => ({kernel: kernel.numberOf(address), wanted: wanted.numberOf(address)})
  for (const address of new Set([...kernel.hosts.keys(), ...wanted.hosts.keys()])) add(both(address), address)
  for (const family of [4, 6] as const) {
    for (const {first, last} of segments(kernel.regions, wanted.regions, family)) {
      const [from, to] = [addressFromNumber(first, family), addressFromNumber(last, family)]
      add(both(from), from === to ? from : `${from}-${to}`)
    }
  }
  add({kernel: 0, wanted: 0}, 'any other address')
  return [...groups.values()].flatMap((row) => [...row.values()])
}

/** Ranges within which neither of two lists changes its number. */
function* segments(
  a: readonly NumberedRange[],
  b: readonly NumberedRange[],
  family: Family,
): Generator<{first: bigint; last: bigint}> {
  const cuts = new Set<bigint>()
  for (const region of [...a, ...b]) {
    if (region.family !== family) continue
    cuts.add(region.first).add(region.last + 1n)
  }
  const sorted = [...cuts].sort((x, y) => (x < y ? -1 : 1))
  // Between two cuts, and nowhere else: before the first and after the last no list holds anything.
  for (const [index, first] of sorted.entries()) {
    const next = sorted[index + 1]
    if (next !== undefined) yield {first, last: next - 1n}
  }
}
