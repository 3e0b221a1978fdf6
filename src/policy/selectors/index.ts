/**
 * The label language: parse, print, evaluate, and what Calico makes of selectors before it evaluates them.
 *
 *     text ──parse──► Selector ──fold (namespaces, service accounts, merged negations)──► Selector ──evaluate──► boolean
 *                        └──print──► text (identity: equal trees, equal text)
 *
 * Both the compiler and its referee, the oracle, stand on this; it is therefore tested on its own, by a corpus.
 */
export {evaluateSelector, labelReader, NAMESPACE_LABEL, SERVICE_ACCOUNT_LABEL} from './evaluate.ts'
export {type FoldedPeer, type FoldedSubject, foldPeer, foldSubject, type InvalidSelector, prefixLabels} from './fold.ts'
export {type Parsed, parseSelector} from './parse.ts'
export {printSelector} from './print.ts'
export type {Comparison, LabelReader, Selector} from './selector.ts'
