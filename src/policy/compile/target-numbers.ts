import {type ActualNft, markText} from '../../model/index.ts'
import {ALLOWED, DENY_UNOWNED} from './pair-table.ts'
import type {Verdicts} from './pairs.ts'
import {isVerdictChain, type Target} from './verdict-chains.ts'

/** What a source says that denies nothing: the destination decides. */
export const PASSED = 'passed'
/** What an end says that nobody answers for. */
export const UNOWNED = 'unowned'

/**
 * Numbers of targets, as elements bear them: a large map of numbers costs the kernel far less to change than one of
 * verdicts, all of which it follows for loops with each rule that is added. No class bears such a number, so that a
 * packet that had one and found no verdict for it is denied.
 */
export interface TargetNumbers {
  readonly numbers: Map<Target, number>
  /** The numbers as elements bear them. */
  readonly texts: Map<Target, string>
  next: number
}

const BASE = 0x80000000
const FIXED: readonly Target[] = [ALLOWED, PASSED, UNOWNED, DENY_UNOWNED]

/** Goes on with the numbers that an earlier process left in the kernel. */
export function targetNumbers(held: ActualNft | null): TargetNumbers {
  const numbers = new Map(FIXED.map((target, index) => [target, BASE + index]))
  let next = BASE + FIXED.length
  for (const name of VERDICT_MAPS) {
    for (const [key, value] of held?.sets.get(name)?.elements ?? []) {
      const number = Number(key)
      const target = value.replace(/^goto /, '')
      if (number < BASE + FIXED.length || numbers.has(target)) continue
      numbers.set(target, number)
      next = Math.max(next, number + 1)
    }
  }
  return {numbers, texts: new Map(), next}
}

/**
 * What is left of the numbers where all is made anew: those of chains that were in use until then. A number is given once, so that a
 * chain that comes back has another; without an end all chains that there ever were would be remembered.
 */
export function livingTargets({numbers, next}: TargetNumbers, {chains}: Pick<Verdicts, 'chains'>): TargetNumbers {
  const inUse = new Set<Target>(chains.map(({name}) => name))
  const living = [...numbers].filter(([target]) => !isVerdictChain(target) || inUse.has(target))
  return {numbers: new Map(living), texts: new Map(), next}
}

/** Small maps from the numbers of targets to these: of pairs, of sources, of destinations. */
const VERDICT_MAPS = ['verdicts', 'outs', 'ins'] as const

export function targetNumber(into: TargetNumbers, target: Target): number {
  const known = into.numbers.get(target)
  if (known !== undefined) return known
  const number = into.next++
  into.numbers.set(target, number)
  return number
}

export function targetText(into: TargetNumbers, target: Target): string {
  let text = into.texts.get(target)
  if (text === undefined) {
    text = markText(targetNumber(into, target))
    into.texts.set(target, text)
  }
  return text
}
