import {type Address, familyOf} from '../../net/index.ts'
import {type Classified, isAlive, type Numbering, nothingClass} from '../classes/index.ts'
import {bareTarget, type Target, type Verdicts} from '../compile/index.ts'
import {classLookup} from '../trace/index.ts'
import {allowedTraffic} from './enforced.ts'
import {isNoTraffic, printTraffic, seenTraffic, trafficRows} from './traffic-space.ts'

/** What a gateway has compiled, and goes on with. */
export interface InForce {
  readonly classified: Classified
  readonly numbering: Numbering
  readonly verdicts: Verdicts
}

export interface Reached {
  /** null: the class of all other addresses. */
  readonly class: number | null
  readonly ingress: readonly string[]
  readonly egress: readonly string[]
  /** By class; those of one site, one traffic and the same labels are one. */
  readonly from: readonly {
    readonly site: string | null
    readonly labels: Readonly<Record<string, string>>
    readonly traffic: string
  }[]
  /** Classes of which nothing comes. */
  readonly refused: number
}

/**
 * Whose packets come to an address, and which: exactly, class by class, from what is compiled already.
 *
 * Nothing is walked but classes and what they are made of, thousands at most where addresses are a million.
 */
export function reachOf({classified, numbering, verdicts}: InForce, address: Address): Reached {
  const {classes, book} = classified
  const family = familyOf(address)
  const own = classLookup(classified)(address)
  const numberOf = (index: number): number => (index === nothingClass(family) ? 0 : (numbering.numbers[index] ?? 0))
  const allowedBy = allowedTraffic(verdicts)
  const texts = new Map<Target, string | null>()
  const textOf = (target: Target): string | null => {
    let text = texts.get(target)
    if (text === undefined) {
      const traffic = seenTraffic(allowedBy(target), family)
      text = isNoTraffic(traffic) ? null : printTraffic(trafficRows(traffic))
      texts.set(target, text)
    }
    return text
  }
  const to = numberOf(own)
  const from = new Map<string, Reached['from'][number]>()
  let refused = 0
  for (const [index, one] of classes.entries()) {
    if (one.family !== family || !isAlive(book, index)) continue
    const source = numberOf(index)
    const traffic = textOf(verdicts.pairs.get(source)?.get(to) ?? bareTarget(verdicts, source, to))
    if (traffic === null) refused++
    else {
      const labels = sharedLabels(classified, index)
      from.set(JSON.stringify([one.site, traffic, labels]), {site: one.site, labels, traffic})
    }
  }
  const namesOf = (direction: 'ingress' | 'egress'): string[] =>
    classes[own]!.site === null
      ? []
      : classes[own]![direction].map(({document: {tier, meta}}) => `${tier}/${meta.name}`)
  return {
    class: own === nothingClass(family) ? null : (numbering.numbers[own] ?? null),
    ingress: namesOf('ingress'),
    egress: namesOf('egress'),
    from: [...from].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row),
    refused,
  }
}

function sharedLabels({book}: Classified, index: number): Readonly<Record<string, string>> {
  let shared: [string, string][] | null = null
  for (const composition of book.compositionsOf[index] ?? []) {
    const labels: Readonly<Record<string, string>> = book.compositions[composition]?.subject?.set.labels ?? {}
    shared = (shared ?? Object.entries(labels)).filter(([label, value]) => labels[label] === value)
  }
  return Object.fromEntries((shared ?? []).sort(([a], [b]) => (a < b ? -1 : 1)))
}
