import type {ActualNft, Finding, NftChain, NftSet, StagedPackets, World} from '../../model/index.ts'
import type {Prefix} from '../../net/index.ts'
import {
  type ChangedMembers,
  classifying,
  numberingClasses,
  numbersInKernel,
  questionsOf,
  type Steps,
  transitOf,
  whole,
} from '../classes/index.ts'
import {activePolicies} from './active-policies.ts'
import {journalBetween, pairKeys} from './change-pairs.ts'
import {assembled, assembling, type Compiled} from './compiled.ts'
import {follow} from './follow.ts'
import {type Bounds, DENY_UNOWNED, GATEWAY_BOUNDS, pairing, pairTable} from './pair-table.ts'
import {tableVerdicts} from './pairs.ts'
import {stagesAlong} from './stages-along.ts'
import {livingTargets, targetNumbers} from './target-numbers.ts'

export interface CompileOptions {
  /** What no policy decides. */
  readonly default: 'allow' | 'deny'
  /** The last result, whose class numbers and memos go on; null at the start of the process. */
  readonly previous: Compiled | null
  /**
   * Number of the first class, 1 to 0x7fffffff. A new process must not take numbers that the kernel still holds with
   * another meaning, so the caller draws it at random.
   */
  readonly firstClass: number
  /** What the kernel holds of an earlier process: without `previous`, its class numbers go on. */
  readonly held?: ActualNft | null
  /**
   * All prefixes whose members changed since `previous` was made, as they were when `world` was: then a change of
   * endpoints costs what it touches. Without them everything is classified anew.
   */
  readonly changes?: ReadonlyMap<Prefix, ChangedMembers> | null
  /** Beyond these the previous result stays, with a finding. */
  readonly bounds?: Bounds
  /** `exact` where nothing is said. */
  readonly stagedPackets?: StagedPackets
}

/**
 * Compiles the one global policy for all addresses that are known.
 *
 * With nothing changed at all `previous` itself comes back. Where policies or members changed, what is known goes on and
 * the change costs what it touches (`follow.ts`); where tiers, sites or the default did, all is made anew. `previous`
 * must not be used again: its large maps go on in the result, changed in place. A policy that passes the bounds changes
 * nothing: the previous result stays in force, and without one everything is denied.
 */
export const compilePolicy = (world: World, options: CompileOptions): Compiled => whole(compiling(world, options))

/** The same in small steps. Members must stay as they are until the last one is done. */
export function* compiling(world: World, options: CompileOptions): Steps<Compiled> {
  if (options.previous?.isShut) {
    const shut = options.previous
    return opened(shut, yield* compiling(world, {...options, previous: null, changes: null}))
  }
  const {previous} = options
  const old = previous?.state ?? null
  const sameMembers = old !== null && old.attributes === world.attributes && old.memberRevision === world.memberRevision
  const stagedPackets = options.stagedPackets ?? 'exact'
  const sameOptions = old?.default === options.default && old.stagedPackets === stagedPackets
  const sameFrame = old !== null && old.sites === world.sites && sameOptions
  const samePolicies = old?.understood.policies === world.policies && old.understood.staged === world.staged
  if (sameMembers && sameFrame && samePolicies) return previous!
  const bounds = options.bounds ?? GATEWAY_BOUNDS
  const changes = options.changes ?? (sameMembers ? new Map<Prefix, ChangedMembers>() : null)
  if (sameFrame && changes) {
    const followed = follow(previous!, world, changes, bounds)
    if (followed === 'too-large') return refused(options, previous!.statistics.classes, bounds)
    if (followed) return followed
  }
  const understood = activePolicies(world.policies, world.staged)
  const classified = yield* classifying(questionsOf(understood.catalog, world.attributes.values()), world)
  const numbering = yield* numberingClasses(
    classified,
    old?.numbering ?? numbersInKernel(options.held ?? null),
    options.firstClass,
  )
  const pairs = yield* pairing(classified, numbering, options.default, bounds)
  const verdicts = pairs && tableVerdicts(pairs, bounds)
  if (!verdicts) return refused(options, classified.classes.length, bounds)
  const targets = old ? livingTargets(old.targets, previous!.verdicts) : targetNumbers(options.held ?? null)
  const compiled = yield* assembling(
    world,
    {understood, classified, pairs, numbering, targets, stagedPackets},
    verdicts,
  )
  return previous ? withStages(previous, compiled, bounds) : compiled
}

function withStages(previous: Compiled, compiled: Compiled, {maxPairs}: Bounds): Compiled {
  const {state} = compiled
  const {targets} = state
  const transit = transitOf(previous.state.numbering, state.numbering)
  const journal = journalBetween(previous.verdicts.pairs, compiled.verdicts.pairs)
  const since = {version: previous.sets.get('pairs')!.version!, keys: pairKeys(journal)}
  const {stages, pairs} = stagesAlong(
    {
      before: {...previous, targets},
      after: {...compiled, targets},
      journal,
      pairs: {...compiled.sets.get('pairs')!, since},
    },
    transit,
    maxPairs,
  )
  const sets = new Map([...compiled.sets, ['pairs', pairs] as const])
  return {...compiled, sets, stages, state: {...state, numbering: {...state.numbering, next: transit.next}}}
}

function refused(options: CompileOptions, classes: number, bounds: Bounds): Compiled {
  const finding: Finding = {
    code: 'policy-too-large',
    severity: 'error',
    where: {source: 'policy'},
    detail: `${classes} classes: more than ${bounds.maxClasses}, or more than ${bounds.maxPairs} verdict entries or ${bounds.maxChains} chains`,
    remedy: `${options.previous ? 'the last policy that fitted stays in force' : 'all is denied'} until policies select by fewer distinct labels`,
  }
  const base = options.previous ?? closed(options)
  const findings = [...base.findings.filter(({code}) => code !== 'policy-too-large'), finding]
  // What is in force no longer follows the members: the next compilation starts from them.
  return {...base, stages: [], findings, state: {...base.state, live: null}}
}

/**
 * Denies all, before any address is looked up: what a kernel without our table gets first. The maps of the policy that
 * follows are filled behind it, and its chains open it in one transaction, so that nothing is judged by half of them.
 */
export function shutPolicy(options: Pick<CompileOptions, 'default' | 'firstClass'>): Compiled {
  const nothing = closed(options)
  const judge: NftChain = {name: 'judge', hook: null, rules: [`goto ${DENY_UNOWNED}`]}
  return {...nothing, chains: new Map([...nothing.chains, [judge.name, judge]]), udpPorts: null, isShut: true}
}

/** All that may be a million goes first, and is elements only; the rest is small. */
function opened(shut: Compiled, compiled: Compiled): Compiled {
  const isLarge = ({value, interval}: NftSet): boolean => value !== 'verdict' && !interval
  const sets = new Map(
    [...shut.sets].map(([name, set]) => [name, isLarge(set) ? (compiled.sets.get(name) ?? set) : set]),
  )
  return {...compiled, stages: [{sets, chains: shut.chains, counters: shut.counters}]}
}

/** Knows no address and denies all. */
function closed({default: defaultVerdict, firstClass}: Pick<CompileOptions, 'default' | 'firstClass'>): Compiled {
  const understood = activePolicies({tiers: [], policies: []})
  const empty = {members: new Map(), attributes: new Map(), sites: new Map(), memberRevision: -1}
  const classified = whole(classifying(questionsOf(understood.catalog, []), empty))
  const numbering = whole(numberingClasses(classified, null, firstClass))
  const pairs = pairTable(classified, numbering, defaultVerdict, GATEWAY_BOUNDS)!
  const verdicts = tableVerdicts(pairs, GATEWAY_BOUNDS)!
  const rest = {targets: targetNumbers(null), stagedPackets: 'exact'} as const
  return assembled(empty, {understood, classified, pairs, numbering, ...rest}, verdicts)
}
