import {type ActualNft, concatSeparator, hookText, markText, type NftTable, ruleHashes} from '../model/index.ts'
import type {Difference} from './difference.ts'

/** Maps that bear numbers of classes and targets, which mean nothing elsewhere: they are compared by what they lead to. */
const NUMBERED =
  /^(class|cidr|move)[46]d?|^(pairs|verdicts|outs|ins|ins_unowned|judge_sources|judge_destinations|flip\w*)$/

/** Chains that pairs of classes lead to, named by their content. */
const OF_PAIRS = /^(v|log)_[0-9a-f]{16}$/
/** What is counted for staged policies: of numbers too, and no verdict; which entry stands for most is a matter of how classes came. */
const WATCHING = /^(watch|watch_\w+|w_[0-9a-f]{16})$/
/** Sets of the ways that judged flows are trusted on: their marks bear the generation, which only the kernel knows. */
const WAYS: readonly string[] = ['trusted', 'ways']
const WAY_OF_MARK = 0xff

/**
 * All of the table that bears no numbers of classes: chains by the hashes of their rules, counters, and the other sets whole.
 * nft lists a device by name or by index, as it likes; `devices` has both.
 */
export function compareTable(kernel: ActualNft, wanted: NftTable, devices: ReadonlyMap<string, number>): Difference[] {
  const differences: Difference[] = []
  const differ = (where: string, has: string | null, should: string | null): void => {
    if (has !== should) differences.push({where, kernel: has ?? 'not there', wanted: should ?? 'not there'})
  }
  for (const name of new Set([...kernel.chains.keys(), ...wanted.chains.keys()])) {
    const [has, should] = [kernel.chains.get(name), wanted.chains.get(name)]
    // Where no pair of addresses leads, which is compared elsewhere: left by a class that nobody is in any more.
    if (WATCHING.test(name) || (!should && OF_PAIRS.test(name))) continue
    const hook = should?.hook ? hookText(should.hook) : null
    differ(
      `chain ${name}`,
      has ? `${has.hook ?? 'no hook'}, rules ${has.rules.join(' ')}` : null,
      should ? `${hook ?? 'no hook'}, rules ${ruleHashes(should.rules).join(' ')}` : null,
    )
  }
  const counters = new Set(kernel.counters)
  for (const name of wanted.counters) if (!counters.has(name)) differ(`counter ${name}`, null, 'there')
  for (const name of new Set([...kernel.sets.keys(), ...wanted.sets.keys()])) {
    const [has, should] = [kernel.sets.get(name), wanted.sets.get(name)]
    if (WATCHING.test(name)) continue
    if (!has || !should) differ(`set ${name}`, has ? 'there' : null, should ? 'there' : null)
    else if (!NUMBERED.test(name) && !should.external) {
      const isWays = WAYS.includes(name)
      const held = isWays ? waysIn(has.elements, devices) : has.elements
      const meant = isWays ? waysIn(should.elements, devices) : should.elements
      for (const key of new Set([...held.keys(), ...meant.keys()])) {
        const words = (value: string | undefined): string | null => (value === undefined ? null : value || 'there')
        differ(`set ${name}, element ${key}`, words(held.get(key)), words(meant.get(key)))
      }
    }
  }
  return differences
}

/** `mark . direction . in . out`, or with the mark as value: devices by index, of the mark the way alone. */
function waysIn(elements: ReadonlyMap<string, string>, devices: ReadonlyMap<string, number>): Map<string, string> {
  const part = (text: string): string =>
    text.startsWith('0x') ? markText(Number(text) & WAY_OF_MARK) : String(devices.get(text) ?? text)
  return new Map(
    [...elements].map(([key, value]) => [key.split(concatSeparator).map(part).join(concatSeparator), part(value)]),
  )
}
