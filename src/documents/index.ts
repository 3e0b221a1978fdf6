/**
 * Documents of a file → what has to be written into a datastore, or every reason why not.
 *
 *     texts ─► YAML with positions ─► shape (fields, words, what goes together) ─► decode ─► compile, one by one ─┐
 *                      └───────────────────────────┴──────────────────────────────┴───────────────┴─► Finding[]   │
 *     what is stored ──────────────────────────► planApply | planDelete ◄──────────────── ValidDocument[] ────────┘
 *                                                       └─► Answer[] (created, configured, unchanged), transactions
 *
 * Strict where decode is lenient: decode reads what anybody wrote and must live with fields of newer versions, but who
 * writes here is told of each field that would not count. What passes is put through decode and compiler all the same,
 * so that the two can never disagree about what is good. A document is compared and stored without what is the same as
 * missing, so that `apply` of what `get -o yaml` printed is no change. Writing itself is `src/etcd`'s: a plan names the
 * revision of each key that it saw, and holds only while they stay.
 */
export {bodyOf, type Identity} from './body.ts'
export {documentDifference, storedDifference} from './difference.ts'
export {parseFile} from './file-records.ts'
export {DOCUMENT_KINDS, DOCUMENTS_ROOT, type DocumentKind, documentKindTyped, keyOf} from './kinds.ts'
export {
  type Answer,
  type Change,
  type DocumentPlan,
  kindsToDelete,
  parseStored,
  planApply,
  planDelete,
  prefixesOf,
  type Result,
  type Stored,
  type StoredDocument,
  type Unwanted,
} from './plan.ts'
export {issueFinding, readDocuments, type SourceText, titleOf} from './read.ts'
export {type StoredRow, storedRows} from './stored-rows.ts'
export {type DocumentTransaction, transactionsOf} from './transactions.ts'
export {unifiedDifference} from './unified.ts'
export {nameDocument, type Validated, type ValidDocument, validateDocuments} from './validate.ts'
