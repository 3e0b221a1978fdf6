import type {Direction, JudgedElement} from '../../model/index.ts'
import {nothingClass} from '../classes/index.ts'
import type {Compiled} from '../compile/index.ts'
import {type Asked, type ClassJudge, classJudge, type Decision} from '../trace/index.ts'
import {type Change, changesOf, withStaged} from './staged-change.ts'

/** What decided an element in one direction. */
export interface DecidedBy {
  /** null: no end belongs to a site. */
  readonly direction: Direction | null
  readonly kind: string | null
  readonly tier: string | null
  /** null: the end of the tier, the default, or nobody. */
  readonly policy: string | null
  /** 0-based, in the stored list; null: no single one. */
  readonly rule: number | null
  readonly reason: Decision['reason'] | 'unowned'
  /** `depends`: one or the other, by the source port. */
  readonly action: 'allow' | 'deny' | 'depends'
}

export interface Attribution {
  /** One for each direction that had a say: a packet that egress denies, or may deny, has none of ingress. */
  readonly decided: readonly DecidedBy[]
  readonly changes: readonly Change[]
}

/** null: nobody knows the numbers. */
export type Attributor = (element: JudgedElement) => Attribution | null

const UNOWNED: DecidedBy = {
  ...{direction: null, kind: null, tier: null, policy: null, rule: null},
  ...{reason: 'unowned', action: 'deny'},
}

/**
 * Attributes elements by the classes and policies of one compilation. It is good until the next one, which changes the
 * classes in place; then everything that it remembers is gone with it.
 */
export function attributor({state}: Pick<Compiled, 'state'>): Attributor {
  const {live, numbering, understood} = state
  if (!live) return () => null
  const {classes} = live.classified
  const options = {classes, conditions: understood.catalog.conditions, default: state.default}
  const judge = classJudge(options)
  const staged = withStaged(options, understood.staged)
  const indexes = new Map<number, number>()
  for (const [index, number] of numbering.numbers.entries()) if (number !== undefined) indexes.set(number, index)

  /** 0 is of the family of the other end; between two of them there is nothing to tell apart. */
  const indexOf = (number: number, other: number): number | undefined => {
    if (number !== 0) return indexes.get(number)
    const peer = other === 0 ? 0 : indexes.get(other)
    return peer === undefined ? undefined : nothingClass(classes[peer]!.family)
  }
  const attribute = (element: JudgedElement): Attribution | null => {
    const [source, destination] = [
      indexOf(element.source, element.destination),
      indexOf(element.destination, element.source),
    ]
    if (source === undefined || destination === undefined) return null
    if (classes[source]!.family !== classes[destination]!.family) return null
    const asked = askedOf(element)
    const decided = decidedBy(judge, source, destination, asked)
    return {decided, changes: staged ? changesOf(judge, staged, source, destination, asked) : []}
  }

  const known = new Map<string, Attribution | null>()
  return (element) => {
    const key = `${element.source} ${element.destination} ${element.protocol} ${element.port}`
    let attribution = known.get(key)
    if (attribution === undefined) {
      attribution = attribute(element)
      known.set(key, attribution)
    }
    return attribution
  }
}

const ICMP: readonly number[] = [1, 58]

function askedOf({protocol, port}: JudgedElement): Asked {
  if (port === null) return {protocol}
  if (ICMP.includes(protocol)) return {protocol, icmpType: port >> 8, icmpCode: port & 0xff}
  return {protocol, sourcePort: 'any', destinationPort: port}
}

function decidedBy({decide}: ClassJudge, source: number, destination: number, asked: Asked): DecidedBy[] {
  const egress = decide('egress', source, destination, asked)
  if (egress && egress.verdict !== 'allow') return [named('egress', egress)]
  const ingress = decide('ingress', source, destination, asked)
  if (!egress && !ingress) return [UNOWNED]
  return [...(egress ? [named('egress', egress)] : []), ...(ingress ? [named('ingress', ingress)] : [])]
}

function named(direction: Direction, {verdict, reason, tier, policy, rule}: Decision): DecidedBy {
  const {kind, meta} = policy?.document ?? {kind: null, meta: null}
  return {direction, kind, tier, policy: meta?.name ?? null, rule, reason, action: verdict ?? 'depends'}
}
