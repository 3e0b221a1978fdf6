import {judgementOf} from '../../diagnose/index.ts'
import {markText} from '../../model/index.ts'
import {parseAddress} from '../../net/index.ts'
import {decideIn} from './chain-rules.ts'
import type {SampledFlow} from './sample.ts'
import type {Tool} from './tools.ts'

export interface KernelVerdict {
  readonly verdict: 'allow' | 'deny' | null
  readonly chain: string
}

/** What the kernel's maps and chains say of single flows, each element and chain asked for by itself and once. */
export type KernelJudge = (flow: SampledFlow) => Promise<KernelVerdict>

const TWOFOLD = 'none: an end is another class as a source than as a destination'

/** Chains lead to one another, but never in circles: nft refuses that. */
const MOST_CHAINS = 20

/** Throws where there is no ruleset of ours, or nft refuses. */
export async function kernelJudge(tool: Tool): Promise<KernelJudge> {
  const table = ['inet', 'isthmus'] as const
  const judge = await tool('nft', 'list', 'chain', ...table, 'judge')
  if (!judge.ok) throw new Error(judge.said.split('\n')[0] || 'nft does not answer')
  const sets = new Map<string, {elements: Map<string, string>}>()
  const elementsOf = (map: string): Map<string, string> => {
    const set = sets.get(map) ?? {elements: new Map<string, string>()}
    sets.set(map, set)
    return set.elements
  }
  const asked = new Map<string, Promise<string | null>>()
  const once = (what: string, ask: () => Promise<string | null>): Promise<string | null> => {
    const known = asked.get(what) ?? ask()
    asked.set(what, known)
    return known
  }
  // nft 1.0.6 answers this one in words, whatever is asked for.
  const element = (map: string, key: string): Promise<string | null> =>
    once(`${map} ${key}`, async () => {
      const {ok, said} = await tool('nft', 'get', 'element', ...table, map, `{ ${key} }`)
      if (!ok && !said.includes('No such file')) throw new Error(said.split('\n')[0])
      const value = ok ? (/elements = \{ .+? : (.+?) \}/s.exec(said)?.[1] ?? null) : null
      if (value !== null) elementsOf(map).set(key, value)
      return value
    })
  const chainText = async (name: string): Promise<string | null> =>
    once(`chain ${name}`, async () => {
      const {ok, said} = await tool('nft', '-j', 'list', 'chain', ...table, name)
      return ok ? said : null
    })
  /** Hosts first, then the ranges around them; as a source a mark, as a destination a class id. */
  const classOf = async (address: string, suffix: '' | 'd'): Promise<string> => {
    const family = address.includes(':') ? 6 : 4
    const host = await element(`class${family}${suffix}`, address)
    return host ?? (await element(`cidr${family}${suffix}`, address)) ?? (suffix === 'd' ? 'none' : markText(0))
  }
  const chainFor = async (from: string, to: string): Promise<string> => {
    // Both ends in the maps of both ends, which must say the same of them.
    const [source] = [await classOf(from, ''), await classOf(from, 'd')]
    const [destination] = [await classOf(to, 'd'), await classOf(to, '')]
    const leads = [await element('pairs', `${source} . ${destination}`)]
    if (leads[0] === null) leads.push(await element('judge_sources', source))
    leads.push(await element('judge_destinations', destination))
    for (const target of leads) {
      if (target == null) continue
      for (const map of ['verdicts', 'outs', 'ins', 'ins_unowned']) await element(map, target)
    }
    // The look-ups are followed as the consistency check follows them, over what was asked for alone.
    const {numberOf, verdict, twofold} = judgementOf(sets)
    const [one, other] = [parseAddress(from)!, parseAddress(to)!]
    return twofold.includes(from) || twofold.includes(to) ? TWOFOLD : verdict(numberOf(one), numberOf(other))
  }
  return async (flow) => {
    let chain = await chainFor(flow.from, flow.to)
    const first = chain
    for (let steps = 0; steps < MOST_CHAINS; steps++) {
      if (chain === 'allowed') return {verdict: 'allow', chain: first}
      const text = await chainText(chain)
      const decided = text === null ? null : decideIn(text, flow)
      if (decided === null || decided === 'allow' || decided === 'deny') return {verdict: decided, chain: first}
      chain = decided.goto
    }
    return {verdict: null, chain: first}
  }
}
