import type {NftChain, NftSet} from './nft.ts'

/**
 * Where judged packets are counted in the table: the words that the compiler, which declares it, and the driver, which
 * reads it, share (docs/design/policy-counters.md). Of each set there are two: one is written, the other one read.
 */
export type JudgedLetter = 'a' | 'b'

/** Counts what found its set full; no drop. */
export const JUDGED_BEYOND = 'judged_beyond'

/** What a reading costs grows faster than the number of elements (decision 0044). */
const JUDGED_SIZE = 16_384

/** Protocols with a port in conntrack's tuple, or type and code in its place. */
const PORTED = '{ icmp, icmpv6, tcp, udp, sctp, dccp, udplite }'

export interface JudgedSet {
  readonly name: string
  readonly fresh: boolean
  readonly hasPort: boolean
}

/** The sets of a letter: flows that bore no mark and others, with and without a port. */
export const judgedSets = (letter: JudgedLetter): JudgedSet[] =>
  [true, false].flatMap((fresh) =>
    [true, false].map((hasPort) => {
      const name = `judged_${fresh ? 'new' : 'again'}_${hasPort ? '' : 'other_'}${letter}`
      return {name, fresh, hasPort}
    }),
  )

/** The sets of both letters, as they are declared. */
export const judgedNftSets = (size = JUDGED_SIZE): NftSet[] =>
  [...judgedSets('a'), ...judgedSets('b')].map(({name, hasPort}) => ({
    name,
    key: `mark . classid . inet_proto${hasPort ? ' . inet_service' : ''}`,
    value: null,
    interval: false,
    elements: new Map(),
    external: true,
    dynamic: true,
    size,
  }))

/**
 * The chains that write the sets of a letter. A plan has those of `a`; the driver puts others in their place that say so
 * in their comments (`ruleHash` of the plan's rule), so that a diff sees none. No rule has a verdict but `return`: where a
 * set is full, the rule ends and the next one counts.
 */
export const judgedChains = (letter: JudgedLetter): NftChain[] =>
  [true, false].map((fresh) => {
    const [ported, other] = judgedSets(letter).filter((set) => set.fresh === fresh)
    const update = (set: string, port: string): string =>
      `update @${set} { meta mark . meta priority . meta l4proto${port} counter } return`
    return {
      name: fresh ? 'count_new' : 'count_again',
      hook: null,
      rules: [
        // The protocol must be matched first: without it `ct original proto-dst` has no type in nft.
        `meta l4proto ${PORTED} ${update(ported!.name, ' . ct original proto-dst')}`,
        `meta l4proto != ${PORTED} ${update(other!.name, '')}`,
        `counter name "${JUDGED_BEYOND}"`,
      ],
    }
  })
