/**
 * The label language: parse, print, evaluate, and what Calico makes of selectors before it evaluates them.
 *
 *     text ──parse──► Selector ──fold (namespaces, service accounts, merged negations)──► Selector ──evaluate──► boolean
 *                        └──print──► text (identity: equal trees, equal text)
 *
 * Three stand on this: decode, which refuses a document whose selectors nobody can read; the policy compiler; and its
 * referee, the oracle. It is therefore a station of its own, tested by a corpus (`test/corpus/selectors.txt`), and it
 * knows nothing of addresses: who holds which labels is said by whoever asks.
 */
export {evaluateSelector, labelReader, NAMESPACE_LABEL, SERVICE_ACCOUNT_LABEL} from './evaluate.ts'
export {
  checkSelector,
  type FoldedPeer,
  type FoldedSubject,
  foldPeer,
  foldSubject,
  type InvalidSelector,
  prefixLabels,
} from './fold.ts'
export {type Parsed, parseSelector} from './parse.ts'
export {printSelector} from './print.ts'
export {selectorProblem, selectorRemedy} from './problem.ts'
export type {Comparison, LabelReader, Selector} from './selector.ts'
