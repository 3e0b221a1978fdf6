import {markText} from '../../model/index.ts'
import type {Held} from './held.ts'
import {CURRENT_MAP, currentElements, FAMILY, GENERATION_SET} from './transaction.ts'

const BITS = 0x7fffffff

/** The number after this one: 1 to 2^31 - 1, round and round. */
export function nextGeneration(generation: number): number {
  return generation >= BITS ? 1 : generation + 1
}

/**
 * The number to start from where the kernel holds none. Random, so that a gateway and its twin, whose conntrack states
 * carry each other's marks, do not come to the same number (31 bits apart by chance, each step one further).
 */
export function firstGeneration(random: number): number {
  return 1 + Math.floor(random * (BITS - 1))
}

/** The generation that a table holds, null when its two sets do not agree on one. */
export function heldGeneration(held: Held | null): number | null {
  const [mark, ...others] = held?.sets.get(GENERATION_SET)?.elements.keys() ?? []
  const current = held?.sets.get(CURRENT_MAP)?.elements
  if (mark === undefined || others.length > 0 || current?.size !== 2) return null
  return [...current.values()].every((value) => value === mark) ? Number(mark) : null
}

export const hasGenerationSets = (held: Held | null): held is Held =>
  held?.sets.get(GENERATION_SET)?.value === null && held.sets.get(CURRENT_MAP)?.value === 'mark'

/** Both sets in one transaction: no packet is marked with a number that is not yet, or no longer, trusted. */
export function generationScript(table: string, generation: number): string {
  const place = `${FAMILY} ${table}`
  return [
    `flush set ${place} ${GENERATION_SET}`,
    `flush map ${place} ${CURRENT_MAP}`,
    `add element ${place} ${GENERATION_SET} { ${markText(generation)} }`,
    `add element ${place} ${CURRENT_MAP} { ${currentElements(generation)} }`,
  ].join('\n')
}

/** What the script leaves. */
export function setHeldGeneration(held: Held, generation: number): void {
  const marks = held.sets.get(GENERATION_SET)?.elements
  const current = held.sets.get(CURRENT_MAP)?.elements
  marks?.clear()
  marks?.set(markText(generation), '')
  for (const family of ['ipv4', 'ipv6']) current?.set(family, markText(generation))
}
