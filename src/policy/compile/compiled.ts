import {
  type Finding,
  JUDGED_BEYOND,
  judgedNftSets,
  type NftChain,
  type NftSet,
  type SiteName,
  type StagedPackets,
  type UdpPorts,
  type World,
} from '../../model/index.ts'
import {type Classified, type Numbering, type Steps, whole} from '../classes/index.ts'
import type {Understood} from './active-policies.ts'
import {classSets, EMPTY_FLIPS, endSets, judgeChains, pairSetInSteps, targetSets} from './nft-tables.ts'
import {DENY_UNOWNED, denyTarget, type PairTable} from './pair-table.ts'
import type {Verdicts} from './pairs.ts'
import type {Stage} from './stages.ts'
import type {TargetNumbers} from './target-numbers.ts'
import {udpPortsOf} from './udp-ports.ts'
import {nftChains} from './verdict-chains.ts'
import {WATCH_BOUNDS, type Watch, watchOf} from './watched.ts'

/** The policy as nft sets and chains, entered by `goto judge`; it leaves by `goto allowed`, or drops. */
export interface Compiled {
  readonly sets: ReadonlyMap<string, NftSet>
  readonly chains: ReadonlyMap<string, NftChain>
  readonly counters: readonly string[]
  /** What must be in force before it, one after the other, on the way from `previous`; empty when nothing must. */
  readonly stages: readonly Stage[]
  readonly findings: readonly Finding[]
  /** Flows whose packets are all counted, since a staged policy would deny them; its sets and chains are among those above. */
  readonly watch: Watch | null
  readonly statistics: CompileStatistics
  /** The same as typed data, for proofs and for the referee's test. */
  readonly verdicts: Verdicts
  /** null while a staged policy watches flows, each packet of which the table must see. */
  readonly udpPorts: UdpPorts | null
  /** Denies all, whatever the policies say (`shutPolicy`). */
  readonly isShut: boolean
  /** What the next compilation goes on from; nobody else's. */
  readonly state: CompileState
}

export interface CompileStatistics {
  /** Addresses of pods and hosts. */
  readonly endpoints: number
  readonly classes: number
  readonly verdictEntries: number
  readonly chains: number
}

export interface CompileState {
  readonly understood: Understood
  /** Kept up in place; null: no longer true, to be made anew. */
  live: LiveTables | null
  readonly numbering: Numbering
  readonly targets: TargetNumbers
  readonly attributes: World['attributes']
  readonly sites: World['sites']
  readonly memberRevision: number
  readonly default: 'allow' | 'deny'
  readonly stagedPackets: StagedPackets
}

export interface LiveTables {
  readonly classified: Classified
  readonly pairs: PairTable
  /** Sizes when they were made anew: what has been of use since and is no more stays in them. */
  readonly madeWith: {readonly classes: number; readonly programs: number; readonly questions: number}
}

interface Assembly
  extends Pick<LiveTables, 'classified' | 'pairs'>,
    Pick<CompileState, 'understood' | 'numbering' | 'targets' | 'stagedPackets'> {}

/** Those that are made anew with every change: their size is that of the classes. */
export const smallSets = (verdicts: Verdicts, counters: readonly string[], targets: TargetNumbers): NftSet[] => [
  ...EMPTY_FLIPS,
  ...endSets(verdicts, targets),
  ...targetSets(verdicts.chains, counters, targets),
]

/** The result of a compilation from nothing. */
export const assembled = (...args: Parameters<typeof assembling>): Compiled => whole(assembling(...args))

/** The same in small steps. */
export function* assembling(
  {sites, attributes, memberRevision}: Pick<World, 'sites' | 'attributes' | 'memberRevision'>,
  {understood, classified, pairs, numbering, targets, stagedPackets}: Assembly,
  verdicts: Verdicts,
): Steps<Compiled> {
  const counters = countersOf(sites, pairs)
  const small = smallSets(verdicts, counters, targets)
  const {watch, findings} = watchFor(understood, pairs, stagedPackets)
  const watching = watch?.sets ?? []
  const hosts = yield* classSets(numbering)
  const pairTexts = yield* pairSetInSteps(verdicts.pairs, targets)
  const sets = [...hosts, ...judgedNftSets(), pairTexts, ...small, ...watching]
  const {selectors, conditions} = understood.catalog
  const madeWith = {
    classes: classified.book.compositions.length,
    programs: pairs.programs.size,
    questions: selectors.length + conditions.length,
  }
  return {
    sets: new Map(sets.map((set) => [set.name, set])),
    chains: judgeChains(nftChains(verdicts.chains), counters, watch),
    counters,
    stages: [],
    findings,
    watch,
    statistics: statisticsOf({classified, pairs}, verdicts),
    verdicts,
    udpPorts: watch ? null : udpPortsOf(verdicts, targets),
    isShut: false,
    state: {
      understood,
      live: {classified, pairs, madeWith},
      numbering,
      attributes,
      sites,
      memberRevision,
      default: pairs.default,
      targets,
      stagedPackets,
    },
  }
}

/** What is to be watched, and all findings. */
export function watchFor(
  {staged, findings}: Understood,
  pairs: PairTable,
  stagedPackets: StagedPackets,
): Pick<Compiled, 'watch' | 'findings'> {
  const watch = stagedPackets === 'exact' ? watchOf(staged, pairs) : null
  if (watch !== 'too-large') return {watch, findings}
  const {maxEntries, maxLooks} = WATCH_BOUNDS
  const finding: Finding = {
    code: 'staged-too-large',
    severity: 'info',
    where: {source: 'policy'},
    detail: `staged policies are about more than ${maxEntries} pairs of classes, or ${maxLooks} had to be looked at`,
    remedy: 'of allowed flows that they would deny only judged packets are counted, until fewer are staged at a time',
  }
  return {watch: null, findings: [...findings, finding]}
}

export const statisticsOf = (
  {classified, pairs}: Pick<LiveTables, 'classified' | 'pairs'>,
  {pairCount, chains}: Verdicts,
): CompileStatistics => ({
  endpoints: classified.book.endpoints.size,
  classes: pairs.ends.filter((end) => end !== null).length,
  verdictEntries: pairCount,
  chains: chains.length,
})

/** One counter for each direction and site, also of sites that no policy denies now: metrics must not come and go. */
export function countersOf(known: World['sites'], pairs: PairTable): string[] {
  const sites = new Set<SiteName>([...known.keys(), ...pairs.ends.flatMap((end) => end?.own.site ?? [])])
  const denials = [...sites].flatMap((site) => [denyTarget('egress', site), denyTarget('ingress', site)])
  return [DENY_UNOWNED, ...denials, JUDGED_BEYOND].sort()
}
