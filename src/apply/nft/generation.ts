import {concatSeparator, type GatewayConfig, markText, type NftStep} from '../../model/index.ts'
import {type BatchMessage, replaceElements} from './element-batch.ts'
import type {Held} from './held.ts'

export const FAMILY = 'inet'

/** Sets of the generation: what a packet's ct mark is compared with, and what an allowed flow's is set from. */
export const GENERATION_SET = 'generation'
export const CURRENT_MAP = 'current'

/** Ways between devices, by number: on which a flow is trusted without another look, and what an allowed flow's is. */
export const WAYS_SET = 'trusted'
export const WAYS_MAP = 'ways'
/** Four times what the plan puts there: a transaction has old elements and new ones. */
export const WAYS_SIZE = 16_384

/** A mark is the generation's number and, below it, the number of a way between devices (plan/trusted-ways.ts). */
const WAY_BITS = 8
const HIGHEST = 2 ** (32 - WAY_BITS) - 1

/**
 * Which numbers are a gateway's own. conntrackd carries marks from twin to twin, and a mark that means another policy
 * must never be trusted: so of a pair one has the even numbers, the other the odd ones (decision 0053).
 */
export type GenerationHalf = 'even' | 'odd'

/** By the names of the two, which each knows without asking anybody. */
export const generationHalf = ({gateway, twin}: Pick<GatewayConfig, 'gateway' | 'twin'>): GenerationHalf =>
  twin !== null && twin < gateway ? 'odd' : 'even'

const isOdd = (half: GenerationHalf): number => (half === 'odd' ? 1 : 0)
export const isOfHalf = (generation: number, half: GenerationHalf): boolean => generation % 2 === isOdd(half)

/** The next number of this half, from 2 to 2^24 - 1, round and round. Ten a second take 9.7 days, a flow at rest ends after five. */
export function nextGeneration(generation: number, half: GenerationHalf): number {
  const next = generation - (generation % 2) + 2 + isOdd(half)
  return next > HIGHEST ? 2 + isOdd(half) : next
}

const TICK_MS = 100
const NUMBERS = (HIGHEST - 1) / 2

/**
 * The number to start from where the kernel holds none: by the clock, ten a second. It is past all that this gateway had
 * before, so a mark of its own that a twin kept over its restart is not trusted either.
 */
export const firstGeneration = (nowMs: number, half: GenerationHalf): number =>
  2 + 2 * (Math.floor(nowMs / TICK_MS) % NUMBERS) + isOdd(half)

/** The mark of a flow that was judged in this generation, on no way in particular. */
export const generationMark = (generation: number): string => markText(generation * 2 ** WAY_BITS)

/** Elements of the map that gives the mark of an allowed flow. */
export const currentElements = (mark: string): string => FAMILIES.map((family) => `${family} : ${mark}`).join(', ')
const FAMILIES = ['ipv4', 'ipv6'] as const

/** The generation that a table holds, null when its two sets do not agree on one. */
export function heldGeneration(held: Held | null): number | null {
  const [mark, ...others] = held?.sets.get(GENERATION_SET)?.elements.keys() ?? []
  const current = held?.sets.get(CURRENT_MAP)?.elements
  if (mark === undefined || others.length > 0 || current?.size !== 2) return null
  const number = Number(mark) >>> WAY_BITS
  return [...current.values()].every((value) => value === mark) && generationMark(number) === mark ? number : null
}

export const hasGenerationSets = (held: Held | null): held is Held =>
  held?.sets.get(GENERATION_SET)?.value === null && held.sets.get(CURRENT_MAP)?.value === 'mark'

/** Elements as the plan has them: marks without the generation. */
export type Ways = ReadonlyMap<string, ReadonlyMap<string, string>>

export const heldWays = (held: Held | null): Ways =>
  new Map([WAYS_SET, WAYS_MAP].flatMap((name) => (held?.sets.has(name) ? [[name, held.sets.get(name)!.elements]] : [])))

/** The ways after these steps; null when the steps leave them as they are. */
export function changedWays(held: Held | null, steps: readonly NftStep[]): Ways | null {
  const named = steps.filter(
    (step): step is Extract<NftStep, {do: 'elements' | 'set-add' | 'set-delete'}> =>
      (step.do === 'elements' && isWays(step.set)) ||
      ((step.do === 'set-add' || step.do === 'set-delete') && isWays(step.name)),
  )
  if (named.length === 0) return null
  const ways = new Map([...heldWays(held)].map(([name, elements]) => [name, new Map(elements)]))
  for (const step of named) if (step.do === 'set-delete') ways.delete(step.name)
  for (const step of named) if (step.do === 'set-add' && !ways.has(step.name)) ways.set(step.name, new Map())
  for (const step of named) {
    if (step.do !== 'elements') continue
    for (const key of step.delete.keys()) ways.get(step.set)?.delete(key)
    for (const [key, value] of step.add) ways.get(step.set)?.set(key, value)
  }
  return ways
}

export const isWays = (set: string): boolean => set === WAYS_SET || set === WAYS_MAP

/** All sets in one transaction: no packet is marked with a number that is not yet, or no longer, trusted. */
export function generationScript(table: string, generation: number, ways: Ways): string {
  const lines: string[] = []
  for (const [name, elements] of generationElements(generation, ways)) {
    const set = `${FAMILY} ${table} ${name}`
    lines.push(`flush ${name === GENERATION_SET || name === WAYS_SET ? 'set' : 'map'} ${set}`)
    const texts = elements.map(([key, value]) => (value === '' ? key : `${key} : ${value}`))
    if (texts.length > 0) lines.push(`add element ${set} { ${texts.join(', ')} }`)
  }
  return lines.join('\n')
}

/** The same without nft, which would read all chains for it; null where the kernel's sets are of another kind. */
export function generationMessages(table: string, held: Held, generation: number): BatchMessage[] | null {
  const messages: BatchMessage[] = []
  for (const [name, elements] of generationElements(generation, heldWays(held))) {
    const set = held.sets.get(name)
    const own = set && replaceElements(table, set, elements)
    if (!own) return null
    messages.push(...own)
  }
  return messages
}

/** All that these sets hold in a generation, by set. */
function generationElements(generation: number, ways: Ways): Map<string, (readonly [string, string])[]> {
  const own = (mark: string): string => markText(generation * 2 ** WAY_BITS + Number(mark))
  const mark = generationMark(generation)
  const sets = new Map<string, (readonly [string, string])[]>([
    [GENERATION_SET, [[mark, '']]],
    [CURRENT_MAP, FAMILIES.map((family) => [family, mark])],
  ])
  for (const [name, elements] of ways) {
    const owned = [...elements].map(([key, value]): [string, string] => {
      if (value !== '') return [key, own(value)]
      const [way, ...devices] = key.split(concatSeparator)
      return [[own(way!), ...devices].join(concatSeparator), '']
    })
    sets.set(name, owned)
  }
  return sets
}

/** What the script leaves, the ways aside: these are remembered without the number. */
export function setHeldGeneration(held: Held, generation: number): void {
  const mark = generationMark(generation)
  const marks = held.sets.get(GENERATION_SET)?.elements
  const current = held.sets.get(CURRENT_MAP)?.elements
  marks?.clear()
  marks?.set(mark, '')
  for (const family of FAMILIES) current?.set(family, mark)
}

/**
 * After a full read: the ways without the number, as they were last written. How nft lists a device (name or number)
 * depends on what is there at the moment, so what differs in number, or was written by nobody we know, counts as
 * nothing: the next pass writes it anew, under a new number.
 */
export function rememberWays(held: Held | null, written: Ways, generation: number | null): void {
  for (const name of [WAYS_SET, WAYS_MAP]) {
    const set = held?.sets.get(name)
    if (!held || !set) continue
    const marks = [...set.elements].map(([key, value]) => Number(value === '' ? key.split(concatSeparator)[0] : value))
    const known = written.get(name)
    const same = known?.size === marks.length && marks.every((mark) => mark >>> WAY_BITS === generation)
    held.sets.set(name, {...set, elements: new Map(same ? known : [])})
  }
}
