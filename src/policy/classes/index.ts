/**
 * Addresses that nothing can tell apart → one class.
 *
 *     Catalog (what policies ask) ─┐
 *     attribute sets ──────────────┼─► describe (once for each composition) ──► AddressClass
 *     members ──► hosts, regions ──┘                                             │
 *                 previous numbers ──────────────────────────────────────────────┴─► Numbering
 *
 * A composition is what is known of an address: who answers for it, which sets hold it, which nets of rules are around
 * it. Compositions are thousands where addresses are a million, so questions are answered once for each composition.
 * Selectors are asked once for each attribute set, found by an index on the labels that they need.
 */
export type {
  ActivePolicy,
  ActiveRule,
  ActiveTier,
  Catalog,
  PeerCondition,
  PortName,
  PortQuestion,
  PortTest,
  Traffic,
} from './catalog.ts'
export {type Classified, type ClassRegion, classify, nothingClass} from './classify.ts'
export {type AddressClass, type Questions, questionsOf, type ResolvedPort} from './describe.ts'
export {type Interner, interner, push} from './intern.ts'
export {type NumberedRegion, type Numbering, numberClasses} from './number-classes.ts'
export {numbersInKernel} from './numbers-in-kernel.ts'
export {type ChangedMembers, type MovedHosts, reclassify} from './reclassify.ts'
export {cutRegions} from './regions.ts'
export {type Transit, transitOf} from './transit.ts'
