/**
 * Desired × Actual → the ordered steps between them. Pure; knows no driver.
 *
 *     Desired ─┐
 *              ├─► keyedDelta, once a kind ─► Step[] {key, needs, reason}, by driver in order of safety
 *     Actual ──┘
 *
 * Level-triggered: nothing here remembers what was done before. Order is data: a step names the steps it needs, and
 * the loop leaves out only what depends on a failed one. Removal waits for a complete view (`mayPrune`): while a
 * remote site is dark, what exists for it stays. What is ours in the kernel is decided where it is read (`observe`,
 * `apply`), so nothing foreign can ever reach a diff.
 */
export {type DiffOptions, diff, diffUntold} from './diff.ts'
export {diffExport, type ExportDelta} from './diff-export.ts'
export {diffNft} from './diff-nft.ts'
export {diffQueues, foreignQueues} from './diff-queues.ts'
export {diffRules} from './diff-rules.ts'
export {diffWriteBack, type ObjectState, type Settled, type WriteBackDifference} from './diff-write-back.ts'
export {type KeyedDelta, keyBy, keyedDelta} from './keyed-delta.ts'
