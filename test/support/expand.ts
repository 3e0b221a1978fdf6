import {decodeRecord} from '../../src/decode/index.ts'
import type {DecodedBatch, RawRecord, SourceId} from '../../src/model/index.ts'

/** One event of a datastore's history; a missing value is a deletion. Its place in the list is its revision. */
export interface HistoryEvent {
  readonly key: string
  readonly value: string | null
}

/** An endless supply of small decisions; a property test gives an arbitrary one. */
export type Decide = (below: number) => number

export function decider(numbers: readonly number[]): Decide {
  let next = 0
  return (below) => (numbers.length === 0 ? 0 : numbers[next++ % numbers.length]! % below)
}

/** The whole history as the one list that a reader who comes late gets. */
export function asList(source: SourceId, history: readonly HistoryEvent[], upTo = history.length): DecodedBatch {
  const state = new Map<string, RawRecord>()
  for (const [i, {key, value}] of history.slice(0, upTo).entries()) {
    if (value === null) state.delete(key)
    else state.set(key, {key, value: new TextEncoder().encode(value), modRevision: i + 1})
  }
  return batch(source, 'list', upTo, [...state.values()], [])
}

/**
 * One of the many ways in which a reader may see a history: a list at any point, then its events split and squashed
 * into batches, the order within each shuffled, batches repeated at once and late, and lists again in between.
 */
export function expand(source: SourceId, history: readonly HistoryEvent[], decide: Decide): DecodedBatch[] {
  const batches: DecodedBatch[] = []
  let at = decide(history.length + 1)
  batches.push(shuffled(asList(source, history, at), decide))
  while (at < history.length) {
    const step = decide(7)
    if (step === 0) batches.push(shuffled(asList(source, history, at), decide))
    if (step === 1) batches.push(batches[decide(batches.length)]!)
    if (batches.at(-1)!.type === 'list' && batches.at(-1)!.revision < at) {
      // An old list repeated takes the reader back: only a list that follows mends that, as after a restored backup.
      batches.push(shuffled(asList(source, history, at), decide))
    }
    const upTo = Math.min(history.length, at + 1 + decide(4))
    batches.push(shuffled(changes(source, history, at, upTo), decide))
    at = upTo
  }
  if (decide(2) === 1) batches.push(batches.at(-1)!)
  return batches
}

function changes(source: SourceId, history: readonly HistoryEvent[], from: number, upTo: number): DecodedBatch {
  const last = new Map<string, RawRecord | null>()
  for (let i = from; i < upTo; i++) {
    const {key, value} = history[i]!
    last.set(key, value === null ? null : {key, value: new TextEncoder().encode(value), modRevision: i + 1})
  }
  const upserts = [...last.values()].filter((record) => record !== null)
  const deletes = [...last].filter(([, record]) => record === null).map(([key]) => key)
  return batch(source, 'changes', upTo, upserts, deletes)
}

function batch(
  source: SourceId,
  type: DecodedBatch['type'],
  revision: number,
  records: readonly RawRecord[],
  deletes: readonly string[],
): DecodedBatch {
  const upserts = records.map((record) => decodeRecord(record, source.replace('/', ' ')))
  return {source, type, revision, clusterId: 'c1', upserts, deletes}
}

function shuffled(whole: DecodedBatch, decide: Decide): DecodedBatch {
  const mix = <T>(items: readonly T[]): T[] => {
    const mixed = [...items]
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = decide(i + 1)
      ;[mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!]
    }
    return mixed
  }
  return {...whole, upserts: mix(whole.upserts), deletes: mix(whole.deletes)}
}

/** Batches of several sources in one sequence; each source's own order stays. */
export function interleave(sequences: readonly (readonly DecodedBatch[])[], decide: Decide): DecodedBatch[] {
  const left = sequences.map((sequence) => [...sequence]).filter((sequence) => sequence.length > 0)
  const merged: DecodedBatch[] = []
  while (left.length > 0) {
    const i = decide(left.length)
    merged.push(left[i]!.shift()!)
    if (left[i]!.length === 0) left.splice(i, 1)
  }
  return merged
}
