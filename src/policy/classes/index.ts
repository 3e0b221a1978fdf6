/**
 * Addresses that nothing can tell apart → one class.
 *
 *     Catalog (what policies ask) ─┐
 *     attribute sets ──────────────┼─► describe (once for each composition) ──► AddressClass ◄── requestion (policies)
 *     members ──► hosts, regions ──┘                                             │          ◄── reclassify (members)
 *                 previous numbers ──────────────────────────────────────────────┴─► Numbering ◄── renumber
 *
 * A composition is what is known of an address: who answers for it, which sets hold it, which nets of rules are around
 * it. Compositions are thousands where addresses are a million, so questions are answered once for each composition.
 * Selectors are asked once for each attribute set, found by an index on the labels that they need. All of it goes on
 * in place from change to change, so that a change costs what it touches.
 */
export {
  type ActivePolicy,
  type ActiveRule,
  type ActiveTier,
  type Catalog,
  compareActive,
  compareOrder,
  compareText,
  type PeerCondition,
  type Placed,
  type PortName,
  type PortQuestion,
  type PortTest,
  type Traffic,
} from './catalog.ts'
export {isAlive, nothingClass, nothingIsListed} from './class-book.ts'
export {type Classified, type ClassRegion, classify, classifying, classRegions, hostClass} from './classify.ts'
export type {AddressClass} from './describe.ts'
export {type Interner, interner, push} from './intern.ts'
export {
  type NumberedRegion,
  type Numbering,
  numberClasses,
  numberedRegions,
  numberingClasses,
} from './number-classes.ts'
export {numbersInKernel} from './numbers-in-kernel.ts'
export {changeQuestions, type Questions, questionsOf} from './questions.ts'
export {addNets, type ChangedMembers, reclassify} from './reclassify.ts'
export {cutRegions} from './regions.ts'
export {addressesOf, type HostMoves, movesOf, numberFresh} from './renumber.ts'
export {type ClassChange, requestion} from './requestion.ts'
export {type Steps, whole} from './steps.ts'
export {type Transit, transitBetween, transitOf} from './transit.ts'
