import {getPadding} from 'netlink'
import {concatSeparator, type NftStep} from '../../model/index.ts'
import {AddressTexts, fourNumber} from '../../net/index.ts'
import {attribute, nested, text, u8, u32} from '../netlink/attributes.ts'
import {addressBytes, classNumber} from './element-texts.ts'
import type {Held, HeldSet} from './held.ts'
import {FAMILY_INET, NFTABLES} from './netfilter.ts'
import {elementChanges} from './transaction.ts'

type ElementStep = Extract<NftStep, {do: 'elements'}>
type Encode = (word: string) => Buffer | null

const NEW_ELEMENTS = NFTABLES | 12
const DELETE_ELEMENTS = NFTABLES | 14
const CREATE = 0x400
const NESTED = 0x8000
/** An attribute is at most 64 KiB; an element with an IPv6 address and a value takes 60 bytes. */
const MOST_ELEMENTS = 1000

export interface BatchMessage {
  readonly type: number
  readonly flags: number
  readonly data: Buffer
}

/** Numbers are in host order, as registers have them; addresses in that of packets. */
const ENCODERS: Readonly<Record<string, Encode>> = {
  mark: (word) => u32(Number(word)),
  classid: (word) => u32(classNumber(word)),
  nf_proto: (word) => u8(word === 'ipv4' ? 2 : 10),
  ct_dir: (word) => u8(word === 'original' ? 0 : 1),
  iface_index: (word) => (/^\d+$/.test(word) ? u32(Number(word)) : null),
  ipv4_addr: addressBytes,
  ipv6_addr: addressBytes,
}

/**
 * Steps that are nothing but elements of maps of numbers, as netlink messages of one transaction; null where one is
 * something else. libnftables reads all chains of the namespace before it adds an element: at 5,000 chains that is
 * what an endpoint's change costs. In small steps: at a start there are a million.
 */
export function* encodeElements(
  table: string,
  steps: readonly NftStep[],
  held: Held | null,
): Generator<void, BatchMessage[] | null> {
  const off: BatchMessage[] = []
  const on: BatchMessage[] = []
  for (const step of steps) {
    const set = step.do === 'elements' ? held?.sets.get(step.set) : undefined
    const writers = set && writersOf(set)
    if (!writers) return null
    const all = onlyAddresses(step as ElementStep, set)
    if (all) {
      on.push(...(yield* addressMessages(table, set.name, all)))
      continue
    }
    const {gone, come} = elementChanges(step as ElementStep, set.elements)
    const deleted = messages(
      DELETE_ELEMENTS,
      0,
      table,
      set.name,
      gone.map(([key]) => key),
      writers.key,
    )
    const added = addMessages(table, set, come)
    if (!deleted || !added) return null
    off.push(...deleted)
    on.push(...added)
  }
  return [...off, ...on]
}

/** Elements of four bytes each, of which the set has none yet: what the first load of a site is made of. */
function onlyAddresses(step: ElementStep, {key, value, interval, elements}: HeldSet): AddressPairs | null {
  const write = value === 'mark' ? Number : value === 'classid' ? classNumber : null
  if (key !== 'ipv4_addr' || interval || !write || step.delete.size > 0) return null
  if (elements.size > 0) for (const address of step.add.keys()) if (elements.has(address)) return null
  const {add} = step
  if (add instanceof AddressTexts) return (visit) => add.walkFours(write, visit)
  return function* (visit) {
    for (const [address, word] of add) {
      visit(fourNumber(address), write(word))
      yield
    }
  }
}

type AddressPairs = (visit: (address: number, value: number) => void) => Generator<void, void, undefined>

const ADDRESS_ELEMENT = 28

/** Written by hand, as `deleteKeys`: by small buffers a million take some ten seconds. */
function* addressMessages(table: string, set: string, elements: AddressPairs): Generator<void, BatchMessage[]> {
  const where = place(table, set)
  const start = where.length + 4
  const made: BatchMessage[] = []
  let data = Buffer.alloc(0)
  let at = 0
  const finish = (): void => {
    if (at === 0) return
    data.writeUInt32LE(((NESTED | 3) * 0x10000 + at - where.length) >>> 0, where.length)
    made.push({type: NEW_ELEMENTS, flags: CREATE, data: data.subarray(0, at)})
    at = 0
  }
  yield* elements((address, number) => {
    if (at === 0) {
      data = Buffer.alloc(start + MOST_ELEMENTS * ADDRESS_ELEMENT)
      where.copy(data)
      at = start
    }
    // Element, its key and the value of it, its data and the value of it.
    at = data.writeUInt32LE(((NESTED | 1) * 0x10000 + ADDRESS_ELEMENT) >>> 0, at)
    at = data.writeUInt32LE(((NESTED | 1) * 0x10000 + 12) >>> 0, at)
    at = data.writeUInt32LE(0x10000 + 8, at)
    at = data.writeUInt32BE(address, at)
    at = data.writeUInt32LE(((NESTED | 2) * 0x10000 + 12) >>> 0, at)
    at = data.writeUInt32LE(0x10000 + 8, at)
    at = data.writeUInt32LE(number, at)
    if (at === data.length) finish()
  })
  finish()
  return made
}

/** Takes all elements out of a set and puts others in; null where its types are not known here. */
export function replaceElements(
  table: string,
  set: HeldSet,
  elements: readonly (readonly [string, string])[],
): BatchMessage[] | null {
  const added = addMessages(table, set, elements)
  return added && [{type: DELETE_ELEMENTS, flags: 0, data: place(table, set.name)}, ...added]
}

function addMessages(
  table: string,
  set: HeldSet,
  elements: readonly (readonly [string, string])[],
): BatchMessage[] | null {
  const writers = writersOf(set)
  return (
    writers &&
    messages(NEW_ELEMENTS, CREATE, table, set.name, elements, ([key, value]) => {
      const [first, second] = [writers.key(key), value === '' ? Buffer.alloc(0) : writers.value(value)]
      return first && second && Buffer.concat([first, second])
    })
  )
}

/**
 * Takes these elements out of a set; keys as the kernel gave them, whole registers, all of one length. Written by hand: by
 * small buffers tens of thousands take a good part of a second.
 */
export function deleteKeys(table: string, set: string, keys: readonly Buffer[]): BatchMessage[] {
  const made: BatchMessage[] = []
  for (let first = 0; first < keys.length; first += MOST_ELEMENTS) {
    const some = keys.slice(first, first + MOST_ELEMENTS)
    const length = some[0]!.length
    const list = Buffer.alloc(some.length * (length + 12))
    let at = 0
    for (const key of some) {
      // Element, its key, the value of it.
      at = list.writeUInt32LE(((NESTED | 1) * 0x10000 + length + 12) >>> 0, at)
      at = list.writeUInt32LE(((NESTED | 1) * 0x10000 + length + 8) >>> 0, at)
      at = list.writeUInt32LE(0x10000 + length + 4, at)
      at += key.copy(list, at)
    }
    made.push({type: DELETE_ELEMENTS, flags: 0, data: Buffer.concat([place(table, set), nested(3, list)])})
  }
  return made
}

/** How keys and values of a set are written, as attributes; null where that is not known here. */
function writersOf({key, value, interval}: HeldSet): {readonly key: Encode; readonly value: Encode} | null {
  const parts = key.split(concatSeparator).map((type) => ENCODERS[type])
  const data = value === null ? () => Buffer.alloc(0) : ENCODERS[value]
  if (interval || !data || !parts.every((part) => part !== undefined)) return null
  return {
    key: (word) => {
      const bytes = word.split(concatSeparator).map((part, index) => parts[index]!(part))
      if (!bytes.every((one) => one !== null)) return null
      // In a concatenation each part fills registers of four bytes.
      const filled = bytes.length === 1 ? bytes : bytes.map((one) => Buffer.concat([one, getPadding(one.length)]))
      return nested(1, attribute(1, Buffer.concat(filled)))
    },
    value: (word) => {
      const bytes = data(word)
      return bytes && nested(2, attribute(1, bytes))
    },
  }
}

function messages<T>(
  type: number,
  flags: number,
  table: string,
  set: string,
  elements: readonly T[],
  write: (element: T) => Buffer | null,
): BatchMessage[] | null {
  const made: BatchMessage[] = []
  for (let first = 0; first < elements.length; first += MOST_ELEMENTS) {
    const written = elements.slice(first, first + MOST_ELEMENTS).map(write)
    if (!written.every((one) => one !== null)) return null
    const list = nested(3, ...written.map((one) => nested(1, one)))
    made.push({type, flags, data: Buffer.concat([place(table, set), list])})
  }
  return made
}

export const place = (table: string, set: string): Buffer =>
  Buffer.concat([Buffer.of(FAMILY_INET, 0, 0, 0), attribute(1, text(table)), attribute(2, text(set))])
