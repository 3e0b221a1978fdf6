import {diffWriteBack} from '../diff/index.ts'
import type {EtcdKeyValues} from '../etcd/index.ts'
import type {SiteName} from '../model/index.ts'
import {CLUSTER_INFORMATION, HeldObjects, WRITE_BACK_PREFIXES} from '../writeback/index.ts'

/** etcd takes 128 comparisons a transaction. */
const OPERATIONS = 100
/** So often somebody else may write between reading and writing. */
const ATTEMPTS = 10

export type Removal =
  | {readonly ok: true; readonly removed: readonly string[]}
  /** `locked`: Calico migrates or restores; `busy`: somebody, maybe a gateway that still runs, writes all the time. */
  | {readonly ok: false; readonly removed: readonly string[]; readonly reason: 'locked' | 'busy'}

/**
 * Takes everything that this site wrote back out of a Calico datastore, and nothing else; for whoever makes a site leave. Its
 * gateways must have been stopped, or told so by their configuration. What it throws is the datastore's (`EtcdUnreachable`, …).
 */
export async function removeWriteBack(store: Pick<EtcdKeyValues, 'list' | 'swap'>, site: SiteName): Promise<Removal> {
  const removed: string[] = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const {records, revision} = await store.list([...WRITE_BACK_PREFIXES, CLUSTER_INFORMATION])
    const held = new HeldObjects(site)
    held.take({type: 'list', revision, upserts: records, deletes: []})
    const {changes} = diffWriteBack({
      ...{wanted: new Map(), held: held.objects, mayPrune: () => true, settled: new Map(), source: ''},
      identity: () => ({uid: '', creationTimestamp: ''}),
    })
    if (changes.length === 0) return {ok: true, removed}
    if (held.isLocked) return {ok: false, removed, reason: 'locked'}
    for (let from = 0; from < changes.length; from += OPERATIONS) {
      const part = changes.slice(from, from + OPERATIONS)
      const terms = {existing: [], quiet: [CLUSTER_INFORMATION], since: revision}
      if (await store.swap({...terms, changes: part})) removed.push(...part.map(({key}) => key))
    }
  }
  return {ok: false, removed, reason: 'busy'}
}
