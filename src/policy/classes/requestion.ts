import {addClass, type ClassBook} from './class-book.ts'
import {type AddressClass, describe, isTouched} from './describe.ts'
import type {QuestionChange} from './questions.ts'

/** What new questions made of the classes. */
export interface ClassChange {
  /** Classes whose addresses stayed together and are told otherwise, with what was said of them. */
  readonly altered: ReadonlyMap<number, AddressClass>
  /** New classes, with the class that their addresses were in. */
  readonly split: ReadonlyMap<number, number>
  /** Classes without addresses now. */
  readonly dead: ReadonlySet<number>
  /** Compositions that are in another class than before. */
  readonly moved: ReadonlySet<number>
}

interface Part {
  readonly described: AddressClass
  readonly compositions: number[]
}

/**
 * Asks the changed questions of all compositions that they may touch, and sorts these into classes, in place.
 *
 * A class goes on with those of its addresses that are told as before, else with the most of them; what parts from it
 * is a new class, or goes to the one that it has become equal to. So a class is touched only where an answer differs.
 */
export function requestion(book: ClassBook, change: QuestionChange): ClassChange {
  const parts = partedClasses(book, change)
  const altered = new Map<number, AddressClass>()
  const split = new Map<number, number>()
  const dead = new Set<number>()
  const moved = new Set<number>()
  const move = (compositions: Iterable<number>, into: number): void => {
    for (const composition of [...compositions]) {
      const from = book.classOf[composition]!
      book.classOf[composition] = into
      book.compositionsOf[from]!.delete(composition)
      book.compositionsOf[into]!.add(composition)
      moved.add(composition)
      if (book.compositionsOf[from]!.size === 0) dead.add(from)
    }
  }
  const retell = (index: number, described: AddressClass): void => {
    altered.set(index, book.classes[index]!)
    book.classes[index] = described
    book.bySignature.set(described.signature, index)
  }
  const stays = new Map([...parts].map(([index, own]) => [index, stayingPart(book, index, own)]))
  // A signature that nobody bears any more must not draw anyone in.
  for (const [index, {described}] of stays) {
    const before = book.classes[index]!.signature
    if (described.signature !== before) book.bySignature.delete(before)
  }
  for (const [index, {described, compositions}] of stays) {
    if (book.classes[index]!.signature === described.signature) continue
    const equal = book.bySignature.get(described.signature)
    if (equal === undefined) retell(index, described)
    else if (index > 1) move(compositions, equal)
    else {
      // Those that nothing is known of keep their place, and take in whoever is no more than they are now.
      retell(index, described)
      move(book.compositionsOf[equal]!, index)
    }
  }
  for (const [index, own] of parts) {
    for (const part of own) {
      if (part === stays.get(index)) continue
      let into = book.bySignature.get(part.described.signature)
      if (into === undefined) {
        into = addClass(book, part.described)
        split.set(into, index)
      }
      move(part.compositions, into)
    }
  }
  return {altered, split, dead, moved}
}

/** The classes that the change touches, each with what its compositions are told now, by the number of classes. */
function partedClasses(book: ClassBook, change: QuestionChange): ReadonlyMap<number, readonly Part[]> {
  const touched = new Map<number, Map<string, Part>>()
  for (const [id, composition] of book.compositions.entries()) {
    if (!isTouched(book.questions, composition, change)) continue
    const index = book.classOf[id]!
    const described = describe(book.questions, composition)
    let own = touched.get(index)
    if (!own) {
      own = new Map()
      touched.set(index, own)
    }
    const part = own.get(described.signature)
    if (part) part.compositions.push(id)
    else own.set(described.signature, {described, compositions: [id]})
  }
  const parts = new Map<number, readonly Part[]>()
  for (const [index, own] of [...touched].sort(([a], [b]) => a - b)) {
    const described = book.classes[index]!
    const asked = new Set([...own.values()].flatMap(({compositions}) => compositions))
    const rest = [...book.compositionsOf[index]!].filter((id) => !asked.has(id))
    const same = own.get(described.signature)
    if (same) same.compositions.push(...rest)
    else if (rest.length > 0) own.set(described.signature, {described, compositions: rest})
    const list = [...own.values()]
    if (list.length > 1 || list[0]!.described.signature !== described.signature) parts.set(index, list)
  }
  return parts
}

function stayingPart(book: ClassBook, index: number, parts: readonly Part[]): Part {
  const {signature} = book.classes[index]!
  // The first two compositions are what the first two classes are there for.
  return (
    (index < 2 ? parts.find(({compositions}) => compositions.includes(index)) : undefined) ??
    parts.find(({described}) => described.signature === signature) ??
    parts.reduce((most, part) => (part.compositions.length > most.compositions.length ? part : most))
  )
}
