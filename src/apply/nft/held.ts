import {
  type ActualNft,
  type ActualNftChain,
  type ActualNftSet,
  hookText,
  type NftStep,
  ruleHashes,
  type UdpPorts,
} from '../../model/index.ts'
import {AddressTexts, type TextMap} from '../../net/index.ts'

/**
 * A set as it stands. With each change of elements it is another object, so that what was found out of the old one is
 * not taken for the new; the map is one and the same, since a copy of 100,000 at each event would cost the event.
 */
export interface HeldSet extends ActualNftSet {
  readonly elements: TextMap
}

/** Of addresses there may be a million. */
export const noElements = (key: string): TextMap => (key === 'ipv4_addr' ? new AddressTexts() : new Map())

/** What the kernel holds of the table, kept true by our own successful transactions. */
export class Held implements ActualNft {
  readonly sets = new Map<string, HeldSet>()
  readonly chains = new Map<string, ActualNftChain>()
  chainsVersion: object = {}
  fastPath: readonly number[] = []
  udpPorts: UdpPorts | null = null
  readonly #counters = new Set<string>()

  get counters(): readonly string[] {
    return [...this.#counters]
  }

  addCounter(name: string): void {
    this.#counters.add(name)
  }

  hasCounter(name: string): boolean {
    return this.#counters.has(name)
  }

  /**
   * What a transaction of these steps leaves: what goes first, then what comes, as in `transaction.ts`. `isWhole`: they
   * are the difference to this very state, so that after them a set is what they say it reaches.
   */
  apply(steps: readonly NftStep[], isWhole = true): void {
    if (steps.some((step) => step.do === 'chain-set' || step.do === 'chain-delete')) this.chainsVersion = {}
    for (const step of steps) {
      if (step.do === 'counter-delete') this.#counters.delete(step.name)
      else if (step.do === 'set-delete') this.sets.delete(step.name)
      else if (step.do === 'chain-delete') this.chains.delete(step.name)
    }
    for (const step of steps) {
      switch (step.do) {
        case 'counter-add':
          this.#counters.add(step.name)
          break
        case 'set-add': {
          const {name, setKey: key, value, interval, size} = step
          const most = size === undefined ? {} : {size}
          if (!this.sets.has(name))
            this.sets.set(name, {name, key, value, interval, ...most, elements: noElements(key)})
          break
        }
        case 'chain-set': {
          const {name, hook, rules} = step
          const texts = hook ? {} : {texts: rules}
          this.chains.set(name, {name, hook: hook && hookText(hook), rules: ruleHashes(rules), ...texts})
          break
        }
      }
    }
    for (const step of steps) {
      if (step.do !== 'elements') continue
      const set = this.sets.get(step.set)
      if (!set) continue
      for (const key of step.delete.keys()) set.elements.delete(key)
      if (set.elements instanceof AddressTexts && set.elements.size === 0 && step.add instanceof AddressTexts) {
        set.elements.take(step.add)
      } else for (const [key, value] of step.add) set.elements.set(key, value)
      const {reached: _, ...rest} = set
      this.sets.set(step.set, step.reaches && isWhole ? {...rest, reached: step.reaches} : rest)
    }
  }
}
