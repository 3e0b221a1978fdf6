import type {ActualNft, Finding, GlobalPolicies, NftChain, NftSet, SiteName, World} from '../../model/index.ts'
import type {Prefix} from '../../net/index.ts'
import {
  type ChangedMembers,
  type Classified,
  classify,
  type MovedHosts,
  type Numbering,
  numberClasses,
  numbersInKernel,
  type Questions,
  questionsOf,
  reclassify,
  transitOf,
} from '../classes/index.ts'
import {activePolicies} from './active-policies.ts'
import {classSets, judgeChains, moveHosts, verdictSets} from './nft-tables.ts'
import {type Bounds, DENY_UNOWNED, denyTarget, GATEWAY_BOUNDS, type Verdicts, verdictsOf} from './pairs.ts'
import {type Stage, stagesBetween} from './stages.ts'

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
}

/** The policy as nft sets and chains, entered by `goto judge`; it leaves by `goto allowed`, or drops. */
export interface Compiled {
  readonly sets: ReadonlyMap<string, NftSet>
  readonly chains: ReadonlyMap<string, NftChain>
  readonly counters: readonly string[]
  /** What must be in force before it, one after the other, on the way from `previous`; empty when nothing must. */
  readonly stages: readonly Stage[]
  readonly findings: readonly Finding[]
  readonly statistics: CompileStatistics
  /** The same as typed data, for proofs and for the referee's test. */
  readonly verdicts: Verdicts
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
  readonly policies: GlobalPolicies
  readonly questions: Questions
  readonly policyFindings: readonly Finding[]
  /** Kept up in place; null: no longer true, to be made anew. */
  readonly classified: Classified | null
  readonly numbering: Numbering
  readonly attributes: World['attributes']
  readonly sites: World['sites']
  readonly memberRevision: number
  readonly default: 'allow' | 'deny'
}

/**
 * Compiles the one global policy for all addresses that are known.
 *
 * While policies are the same object, their questions and the answers of attribute sets are taken from `previous`; with
 * nothing changed at all `previous` itself comes back. `previous` must not be used again: its large maps go on in the
 * result, changed in place. A policy that passes the bounds changes nothing: the previous result stays in force, and
 * without one everything is denied.
 */
export function compilePolicy(world: World, options: CompileOptions): Compiled {
  const old = options.previous?.state ?? null
  const samePolicies = old !== null && old.policies === world.policies
  if (
    samePolicies &&
    old.attributes === world.attributes &&
    old.sites === world.sites &&
    old.memberRevision === world.memberRevision &&
    old.default === options.default
  ) {
    return options.previous!
  }
  const {questions, policyFindings} = samePolicies ? old : questionsFor(world.policies)
  const mayFollow = samePolicies && old.classified && old.sites === world.sites && old.default === options.default
  const moved = mayFollow && options.changes ? reclassify(old.classified, world.attributes, options.changes) : null
  if (moved && fits(moved, options.previous!)) return followed(options.previous!, moved, world)
  const classified = moved ? old!.classified! : classify(questions, world)
  const numbering = numberClasses(classified, old?.numbering ?? numbersInKernel(options.held ?? null), {
    samePolicies,
    first: options.firstClass,
  })
  const bounds = options.bounds ?? GATEWAY_BOUNDS
  const verdicts = verdictsOf(questions.catalog, classified, numbering, options.default, bounds)
  if (!verdicts) return refused(options, classified, bounds)
  const state = {
    policies: world.policies,
    questions,
    policyFindings,
    classified,
    numbering,
    attributes: world.attributes,
    sites: world.sites,
    memberRevision: world.memberRevision,
    default: options.default,
  }
  const compiled = assembled(world.sites, verdicts, classified, state)
  // With known classes all that comes is new elements; nothing in force changes its meaning.
  return old && !moved ? withStages(options.previous!, compiled, bounds) : compiled
}

function questionsFor(policies: GlobalPolicies): {questions: Questions; policyFindings: readonly Finding[]} {
  const {catalog, findings} = activePolicies(policies)
  return {questions: questionsOf(catalog), policyFindings: findings}
}

function withStages(previous: Compiled, compiled: Compiled, {maxPairs}: Bounds): Compiled {
  const {state} = compiled
  const transit = transitOf(previous.state.numbering, state.numbering)
  const stages = stagesBetween(previous, compiled, transit, maxPairs)
  return {...compiled, stages, state: {...state, numbering: {...state.numbering, next: transit.next}}}
}

/** Whether the maps of verdicts know every class that addresses have moved to. */
function fits(moved: MovedHosts, {state, verdicts}: Compiled): boolean {
  for (const index of moved.values()) {
    const number = index === null ? 0 : state.numbering.numbers[index]
    if (number === undefined || !verdicts.sources.has(number)) return false
  }
  return true
}

/** The same policy for addresses that have moved between known classes: only class maps change, in place. */
function followed(previous: Compiled, moved: MovedHosts, world: World): Compiled {
  const {state} = previous
  const sets = moved.size === 0 ? previous.sets : moveHosts(previous.sets, state.numbering, moved)
  return {
    ...previous,
    sets,
    stages: [],
    statistics: {...previous.statistics, endpoints: state.classified!.book.endpoints.size},
    state: {...state, attributes: world.attributes, memberRevision: world.memberRevision},
  }
}

function assembled(sites: World['sites'], verdicts: Verdicts, classified: Classified, state: CompileState): Compiled {
  const counters = countersOf(sites, classified)
  const sets = [...classSets(state.numbering), ...verdictSets(verdicts)]
  const chains = judgeChains(verdicts.chains, counters)
  return {
    sets: new Map(sets.map((set) => [set.name, set])),
    chains: new Map(chains.map((chain) => [chain.name, chain])),
    counters,
    stages: [],
    findings: state.policyFindings,
    statistics: {
      endpoints: classified.book.endpoints.size,
      classes: classified.classes.length,
      verdictEntries: verdicts.pairCount,
      chains: verdicts.chains.length,
    },
    verdicts,
    state,
  }
}

/** One counter for each direction and site, also of sites that no policy denies now: metrics must not come and go. */
function countersOf(known: World['sites'], {classes}: Classified): string[] {
  const sites = new Set<SiteName>([...known.keys(), ...classes.flatMap(({site}) => site ?? [])])
  const denials = [...sites].flatMap((site) => [denyTarget('egress', site), denyTarget('ingress', site)])
  return [DENY_UNOWNED, ...denials].sort()
}

function refused(options: CompileOptions, {classes}: Classified, bounds: Bounds): Compiled {
  const finding: Finding = {
    code: 'policy-too-large',
    severity: 'error',
    where: {source: 'policy'},
    detail: `${classes.length} classes: more than ${bounds.maxClasses}, or more than ${bounds.maxPairs} verdict entries or ${bounds.maxChains} chains`,
    remedy: `${options.previous ? 'the last policy that fitted stays in force' : 'all is denied'} until policies select by fewer distinct labels`,
  }
  const base = options.previous ?? closed(options)
  const findings = [...base.findings.filter(({code}) => code !== 'policy-too-large'), finding]
  // What is in force no longer follows the members: the next compilation starts from them.
  return {...base, stages: [], findings, state: {...base.state, classified: null}}
}

/** Knows no address and denies all. */
function closed(options: CompileOptions): Compiled {
  const questions = questionsOf({selectors: [], nets: [], conditions: [], portNames: [], tiers: [], policies: []})
  const empty = {members: new Map(), attributes: new Map()}
  const classified = classify(questions, empty)
  const numbering = numberClasses(classified, null, {samePolicies: false, first: options.firstClass})
  const verdicts = verdictsOf(questions.catalog, classified, numbering, options.default, GATEWAY_BOUNDS)!
  const sites: World['sites'] = new Map()
  return assembled(sites, verdicts, classified, {
    policies: {tiers: [], policies: []},
    questions,
    policyFindings: [],
    classified,
    numbering,
    attributes: empty.attributes,
    sites,
    memberRevision: -1,
    default: options.default,
  })
}
