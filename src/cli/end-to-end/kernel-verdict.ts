import {judgementOf, parseRuleset} from '../../diagnose/index.ts'
import {parseAddress} from '../../net/index.ts'
import {decideIn, rulesByChain} from './chain-rules.ts'
import type {SampledFlow} from './sample.ts'
import type {Tool} from './tools.ts'

export interface KernelVerdict {
  readonly verdict: 'allow' | 'deny' | null
  /** The one that decides between the two addresses. */
  readonly chain: string
}

/** What the kernel's maps and chains say of a flow. */
export type KernelJudge = (flow: SampledFlow) => KernelVerdict

/** Chains lead to one another, but never in circles: nft refuses that. */
const MOST_CHAINS = 20

/**
 * Lists the whole table once: to ask for one element or chain costs nft as much, since it reads every element before.
 * Throws where there is no ruleset of ours, or nft refuses.
 */
export async function kernelJudge(tool: Tool): Promise<KernelJudge> {
  const {ok, said} = await tool('nft', '-j', 'list', 'table', 'inet', 'isthmus')
  if (!ok) throw new Error(said.split('\n')[0] || 'it does not answer')
  const ruleset = parseRuleset(said)
  if (!ruleset) throw new Error('its answer is not what it was')
  const rules = rulesByChain(said)
  const {numberOf, verdict, twofold} = judgementOf(ruleset.sets)
  const oddities = new Set(twofold)
  return (flow) => {
    const [from, to] = [parseAddress(flow.from)!, parseAddress(flow.to)!]
    if (oddities.has(from) || oddities.has(to)) return {verdict: null, chain: TWOFOLD}
    const first = verdict(numberOf(from), numberOf(to))
    let chain = first
    for (let steps = 0; steps < MOST_CHAINS; steps++) {
      if (chain === 'allowed') return {verdict: 'allow', chain: first}
      const decided = decideIn(rules.get(chain) ?? [], flow)
      if (decided === null || decided === 'allow' || decided === 'deny') return {verdict: decided, chain: first}
      chain = decided.goto
    }
    return {verdict: null, chain: first}
  }
}

const TWOFOLD = 'none: an end is another class as a source than as a destination'
