import type {Finding, FindingCode, Where} from '../model/index.ts'
import type {Facts, Seen} from './facts.ts'

/** From the bottom up: the lowest trouble first, since those above may come of it. */
export const THEMES = [
  'machine',
  'files',
  'kernel',
  'devices',
  'underlay',
  'routing',
  'filters',
  'datastores',
  'calico',
  'policy',
  'twins',
  'gateway',
] as const
export type Theme = (typeof THEMES)[number]

/** One question of `isthmus diagnose`, and the code of what is wrong when the answer is no. */
export interface Check {
  readonly code: FindingCode
  readonly theme: Theme
  /** What it looks at, in a line. */
  readonly looksAt: string
  /** What may bring this along, itself or by what follows it: then that is to be mended first. */
  readonly follows?: readonly FindingCode[]
  /** It goes by what moves between two looks. */
  readonly watches?: true
  readonly judge: (facts: Facts) => Judged
}

/** What was seen and what is wrong with it; or why nothing could be looked at. */
export type Judged =
  | {readonly evidence: readonly string[]; readonly found: readonly Found[]}
  | {readonly notLooked: string}

export interface Found {
  readonly severity: Finding['severity']
  readonly where: Where
  readonly detail: string
  readonly remedy: string
}

/** Nothing of the kind is configured, so that nothing of it can be wrong. */
export const nothing = (why: string): Judged => ({evidence: [`nothing to look at: ${why}`], found: []})

/** Judges what was seen; of what was not, it says so. */
export const given = <T>(seen: Seen<T>, judge: (value: T) => Judged): Judged =>
  seen.ok ? judge(seen.value) : {notLooked: seen.why}

/** Of two looks. */
export const givenBoth = <A, B>(a: Seen<A>, b: Seen<B>, judge: (a: A, b: B) => Judged): Judged =>
  given(a, (first) => given(b, (second) => judge(first, second)))

/** The usual shape: a line of evidence a thing, and for each that is wrong what it is and what to do. */
export function eachOf<T>(
  things: readonly T[],
  none: string,
  look: (thing: T) => {readonly evidence: string; readonly found?: Found | null},
): Judged {
  if (things.length === 0) return nothing(none)
  const looked = things.map(look)
  return {evidence: looked.map(({evidence}) => evidence), found: looked.flatMap(({found}) => found ?? [])}
}
