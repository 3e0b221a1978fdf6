import type {Direction, JudgedElement, Policy} from '../../model/index.ts'
import {type AddressClass, nothingClass} from '../classes/index.ts'
import type {Compiled} from '../compile/index.ts'
import {
  type Asked,
  type ClassJudge,
  type ClassJudgeOptions,
  classJudge,
  type Decision,
  type MetRule,
} from '../trace/index.ts'
import {type Change, changesOf, type StagedJudge, withStaged} from './staged-change.ts'

type CompileState = Compiled['state']
type LiveTables = NonNullable<CompileState['live']>

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

/** A rule that matched on the way, and decided nothing. */
export interface MetOnTheWay {
  readonly direction: Direction
  readonly kind: string
  readonly tier: string
  readonly policy: string
  /** 0-based, in the stored list. */
  readonly rule: number
  readonly action: 'pass' | 'log'
}

export interface Attribution {
  /** One for each direction that had a say: a packet that egress denies, or may deny, has none of ingress. */
  readonly decided: readonly DecidedBy[]
  /** In these directions, the rules that an element's packets came to and matched, whatever their source ports. */
  readonly met: readonly MetOnTheWay[]
  readonly changes: readonly Change[]
}

/** null: nobody knows the numbers. */
export type Attributor = (element: JudgedElement) => Attribution | null

const UNOWNED: DecidedBy = {
  ...{direction: null, kind: null, tier: null, policy: null, rule: null},
  ...{reason: 'unowned', action: 'deny'},
}

/** What lasts over compilations that go on from one another. */
interface Judges {
  readonly options: ClassJudgeOptions
  readonly documents: readonly Policy[]
  readonly judge: ClassJudge
  readonly staged: StagedJudge | null
  /** By the element's classes, protocol and port. */
  readonly known: Map<string, Known>
}

interface Known extends Attribution {
  readonly source: AddressClass
  readonly destination: AddressClass
}

/** More than the kernel's sets hold between two looks: what is remembered of elements is forgotten then. */
const MOST_KNOWN = 65_536

/**
 * Makes the attributor of one compilation after the other. Each is good until the next compilation, which changes the
 * classes in place; what was worked out for classes that stay goes on.
 */
export function attributors(): (compiled: Pick<Compiled, 'state'>) => Attributor {
  let judges: Judges | null = null
  return ({state}) => {
    if (!state.live) return () => null
    judges = judgesOf(state, state.live, judges)
    return attributorOf(state, judges)
  }
}

/** For one compilation alone. */
export const attributor = (compiled: Pick<Compiled, 'state'>): Attributor => attributors()(compiled)

function judgesOf(state: CompileState, {classified}: LiveTables, before: Judges | null): Judges {
  const {understood} = state
  const options = {
    classes: classified.classes,
    conditions: understood.catalog.conditions,
    default: state.default,
  }
  const goesOn =
    before?.options.classes === options.classes &&
    before.options.conditions === options.conditions &&
    before.options.default === options.default &&
    before.documents === understood.staged
  if (goesOn) return before
  const documents = understood.staged
  return {
    ...{options, documents, known: new Map()},
    ...{judge: classJudge(options), staged: withStaged(options, documents)},
  }
}

function attributorOf({numbering}: CompileState, {options: {classes}, judge, staged, known}: Judges): Attributor {
  const indexes = new Map<number, number>()
  for (const [index, number] of numbering.numbers.entries()) if (number !== undefined) indexes.set(number, index)

  /** 0 is of the family of the other end; between two of them there is nothing to tell apart. */
  const indexOf = (number: number, other: number): number | undefined => {
    if (number !== 0) return indexes.get(number)
    const peer = other === 0 ? 0 : indexes.get(other)
    return peer === undefined ? undefined : nothingClass(classes[peer]!.family)
  }
  return (element) => {
    const source = indexOf(element.source, element.destination)
    const destination = indexOf(element.destination, element.source)
    if (source === undefined || destination === undefined) return null
    const [from, to] = [classes[source]!, classes[destination]!]
    if (from.family !== to.family) return null
    const key = `${source} ${destination} ${element.protocol} ${element.port}`
    const found = known.get(key)
    if (found?.source === from && found.destination === to) return found
    const asked = askedOf(element)
    const {decided, met} = decidedBy(judge, source, destination, asked)
    const changes = staged ? changesOf(judge, staged, source, destination, asked) : []
    if (known.size >= MOST_KNOWN) known.clear()
    const fresh = {decided, met, changes, source: from, destination: to}
    known.set(key, fresh)
    return fresh
  }
}

const ICMP: readonly number[] = [1, 58]

function askedOf({protocol, port}: JudgedElement): Asked {
  if (port === null) return {protocol}
  if (ICMP.includes(protocol)) return {protocol, icmpType: port >> 8, icmpCode: port & 0xff}
  return {protocol, sourcePort: 'any', destinationPort: port}
}

function decidedBy(
  {decide}: ClassJudge,
  source: number,
  destination: number,
  asked: Asked,
): Pick<Attribution, 'decided' | 'met'> {
  const decided: DecidedBy[] = []
  const met: MetOnTheWay[] = []
  for (const direction of ['egress', 'ingress'] as const) {
    const way: MetRule[] = []
    const decision = decide(direction, source, destination, asked, way)
    if (!decision) continue
    decided.push(named(direction, decision))
    for (const one of way) met.push(...metBy(direction, one))
    if (decision.verdict !== 'allow') break
  }
  return {decided: decided.length > 0 ? decided : [UNOWNED], met}
}

function metBy(direction: Direction, {policy, rule, action, surely}: MetRule): MetOnTheWay[] {
  if (!surely || rule.index === null) return []
  const {kind, meta} = policy.document
  return [{direction, kind, tier: policy.tier.name, policy: meta.name, rule: rule.index, action}]
}

function named(direction: Direction, {verdict, reason, tier, policy, rule}: Decision): DecidedBy {
  const {kind, meta} = policy?.document ?? {kind: null, meta: null}
  return {direction, kind, tier, policy: meta?.name ?? null, rule, reason, action: verdict ?? 'depends'}
}
