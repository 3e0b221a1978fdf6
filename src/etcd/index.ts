/**
 * List pages and watch events of one datastore: its records, its revision, whether it is synced. Keeps no values.
 *
 *     etcd ──range, pages at one revision──► SourceBatch 'list'
 *          ──watch from our own revision──► SourceBatch 'changes'  ─► onBatch        state ─► onState
 *
 * The resume revision is ours: etcd3's own watcher takes it from response headers, which during a catch-up are ahead
 * of the events, and so loses events in silence when a connection is cut (libraries.md). So this station opens the
 * raw watch stream, remembers per prefix the revision of the last event that was handed on, and starts again behind
 * it. A compacted revision, another cluster id or a revision that went back (restored from a backup) leads to a new
 * list, which replaces what was known: whoever holds values computes the difference, nothing is ever flushed first.
 * Nothing here throws at its caller: a datastore that cannot be reached is a state, tried again for ever.
 */

export {EtcdLoginRefused, EtcdRefused, EtcdUnreachable} from './calls.ts'
export {connect, type EtcdConnection, type EtcdOptions} from './client.ts'
export {type EtcdKeyValues, openKeyValues, type Swap} from './key-values.ts'
export {type Claim, type Claimed, type EtcdLeases, openLeases} from './leases.ts'
export type {SourceLimits} from './limits.ts'
export {createSourceMetrics, type SourceMetrics} from './metrics.ts'
export {readPrefix} from './pages.ts'
export {applyRights, asksForUsers, readRights, rightsStepText} from './rights.ts'
export {
  type SourceState as WatchState,
  type SourceWatch,
  type WatchClock,
  type WatchOptions,
  watchSource,
} from './source.ts'
export {createTurns, type Turns} from './turns.ts'
export {walkEtcd} from './walk.ts'
