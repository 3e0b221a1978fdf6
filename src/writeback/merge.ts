import {exactNumber, isFields, type JsonFields, parseExact} from './exact-json.ts'
import {firstSequence, nextSequence} from './ipam.ts'
import type {ObjectIdentity} from './objects.ts'

/**
 * The text to store so that the object says what `want` does; null where the held one says it already.
 *
 * Of a held object everything stays that `want` does not speak of: what a newer Calico, a controller or a person added to it,
 * its uid and its time of creation. What is missing and what is empty is one thing (Go's omitempty), so that a client that
 * stores an object again and leaves out `false` is not answered by another write.
 */
export function mergeObject(want: string, held: string | null, identity: () => ObjectIdentity): string | null {
  const wanted = fieldsOf(JSON.parse(want))
  const before = held === null ? {} : fieldsOf(parseExact(held))
  if (!isFields(wanted.metadata))
    return held !== null && says(before, wanted) ? null : ipamRecord(before, wanted, identity)
  const {uid, creationTimestamp} = fieldsOf(before.metadata)
  const isBorn = isText(uid) && isText(creationTimestamp)
  if (held !== null && isBorn && says(before, wanted)) return null
  const merged = merge(before, wanted)
  const {kind, apiVersion, metadata, spec, ...others} = merged
  return JSON.stringify({
    ...{kind, apiVersion},
    metadata: isBorn ? metadata : {...fieldsOf(metadata), ...identityFields(identity())},
    ...{spec, ...others},
  })
}

/** An IPAM record has no name for life; a block counts its changes. */
function ipamRecord(before: JsonFields, wanted: JsonFields, identity: () => ObjectIdentity): string {
  const merged = merge(before, wanted)
  if (!Object.hasOwn(wanted, 'allocations')) return JSON.stringify(merged)
  const sequenceNumber = exactNumber(nextSequence(before) ?? firstSequence(identity().creationTimestamp))
  return JSON.stringify({sequenceNumberForAllocation: {0: sequenceNumber}, ...merged, sequenceNumber})
}

const identityFields = ({uid, creationTimestamp}: ObjectIdentity): ObjectIdentity => ({uid, creationTimestamp})

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

const fieldsOf = (value: unknown): JsonFields => (isFields(value) ? value : {})

function merge(held: JsonFields, want: JsonFields): JsonFields {
  const own = Object.entries(want).map(([name, value]): [string, unknown] => {
    const before = Object.hasOwn(held, name) ? held[name] : undefined
    return [name, isFields(value) ? merge(fieldsOf(before), value) : value]
  })
  return Object.fromEntries([...Object.entries(held), ...own])
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || value === '' || value === false || (Array.isArray(value) && !value.length)

function says(held: unknown, want: unknown): boolean {
  if (isFields(want)) {
    const fields = fieldsOf(held)
    return Object.entries(want).every(([name, value]) => says(Object.hasOwn(fields, name) ? fields[name] : null, value))
  }
  if (Array.isArray(want) && Array.isArray(held)) {
    return want.length === held.length && want.every((value, index) => says(held[index], value))
  }
  return want === held || (isEmpty(want) && isEmpty(held))
}
