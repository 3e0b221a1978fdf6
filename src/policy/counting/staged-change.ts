import type {Direction, Policy} from '../../model/index.ts'
import type {ActivePolicy} from '../classes/index.ts'
import {stagedPlaces} from '../compile/index.ts'
import {
  type Asked,
  type ClassJudge,
  type ClassJudgeOptions,
  classJudge,
  type Decision,
  type MetRule,
} from '../trace/index.ts'

/** A packet that a staged policy would decide otherwise than what is in force. */
export interface Change {
  readonly tier: string
  /** Name of the staged policy. */
  readonly policy: string
  readonly direction: Direction
  readonly would: 'allow' | 'deny'
}

/** The policies in force with the staged ones in their places. */
export interface StagedJudge extends ClassJudge {
  /** The staged policy that makes a decision other than it is. */
  readonly cause: (
    direction: Direction,
    ends: readonly [source: number, destination: number],
    was: Decided,
    would: Decided,
  ) => {readonly tier: string; readonly policy: string} | null
}

/** A decision, and the policies that led out of their tier on the way to it. */
export interface Decided {
  readonly decision: Decision
  readonly passed: readonly ActivePolicy[]
}

/** Judges as if the staged policies were in force; null where there are none. */
export function withStaged(options: ClassJudgeOptions, documents: readonly Policy[]): StagedJudge | null {
  const places = stagedPlaces(documents)
  if (!places) return null
  const {isReplaced, stagedOf, policiesOf} = places
  const {classes} = options

  return {
    ...classJudge({...options, policiesOf}),
    cause(direction, [source, destination], was, would) {
      const subject = classes[direction === 'egress' ? source : destination]!
      const ways = [
        ...[would.decision.policy, ...would.passed].filter((policy) => policy?.staged),
        ...[was.decision.policy, ...was.passed].filter((policy) => policy && isReplaced(policy)),
      ]
      // The end of a tier decides: since one is there, or one is there no more.
      const ends = [would.decision, was.decision].filter(({reason}) => reason === 'tier').map(({tier}) => tier)
      const there = [...stagedOf(subject, direction), ...subject[direction].filter(isReplaced)]
      const cause = ways[0] ?? there.find(({tier}) => ends.includes(tier.name)) ?? there[0]
      return cause ? {tier: cause.tier.name, policy: cause.document.meta.name} : null
    },
  }
}

/**
 * What staged policies would change for a packet: nothing unless its verdict as a whole, both directions together, would
 * be another. Would it be allowed, every direction that denies it now is told; would it be denied, the one that would.
 *
 * Where the source port decides in either, nothing is known and nothing is told.
 */
export function changesOf(
  judge: ClassJudge,
  staged: StagedJudge,
  source: number,
  destination: number,
  asked: Asked,
): Change[] {
  const ways = (['egress', 'ingress'] as const).flatMap((direction) => {
    const was = decidedOf(judge, direction, source, destination, asked)
    const would = decidedOf(staged, direction, source, destination, asked)
    return was && would ? [{direction, was, would}] : []
  })
  const verdicts = ways.map(({was, would}) => ({was: was.decision.verdict, would: would.decision.verdict}))
  const [was, would] = [together(verdicts.map((one) => one.was)), together(verdicts.map((one) => one.would))]
  if (was === null || would === null || was === would) return []
  const changed = ways.filter((way) =>
    would === 'deny' ? way.would.decision.verdict === 'deny' : way.was.decision.verdict === 'deny',
  )
  return (would === 'deny' ? changed.slice(0, 1) : changed).flatMap((way): Change[] => {
    const cause = staged.cause(way.direction, [source, destination], way.was, way.would)
    return cause ? [{...cause, direction: way.direction, would}] : []
  })
}

function decidedOf(
  {decide}: ClassJudge,
  direction: Direction,
  source: number,
  destination: number,
  asked: Asked,
): Decided | null {
  const met: MetRule[] = []
  const decision = decide(direction, source, destination, asked, met)
  return decision && {decision, passed: met.filter(({action}) => action === 'pass').map(({policy}) => policy)}
}

function together(verdicts: readonly Decision['verdict'][]): Decision['verdict'] {
  if (verdicts.includes('deny')) return 'deny'
  return verdicts.includes(null) ? null : 'allow'
}
