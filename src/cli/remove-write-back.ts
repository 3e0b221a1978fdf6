import {diffWriteBack} from '../diff/index.ts'
import type {EtcdKeyValues} from '../etcd/index.ts'
import {ALIVE_PREFIX, type SiteName} from '../model/index.ts'
import {CLUSTER_INFORMATION, HeldObjects, tellsOf, WRITE_BACK_PREFIXES} from '../writeback/index.ts'

/** etcd takes 128 comparisons a transaction. */
const OPERATIONS = 100
/** So often somebody else may write between reading and writing. */
const ATTEMPTS = 10

export type Removal =
  | {readonly ok: true; readonly removed: readonly string[]}
  /** `locked`: Calico migrates or restores; `busy`: somebody writes all the time; `alive`: a gateway lives here. */
  | {readonly ok: false; readonly removed: readonly string[]; readonly reason: 'locked' | 'busy' | 'alive'}

/**
 * Takes everything that this site wrote back out of a Calico datastore, or only what tells of one remote site, and nothing
 * else. Its gateways must have been stopped, or told so by their configuration; one that lives by a key in this datastore, or
 * begins to meanwhile, ends it. What it throws is the datastore's (`EtcdUnreachable`, …).
 */
export async function removeWriteBack(
  store: Pick<EtcdKeyValues, 'list' | 'swap'>,
  site: SiteName,
  {remote = null, dryRun = false}: {readonly remote?: SiteName | null; readonly dryRun?: boolean} = {},
): Promise<Removal> {
  const removed: string[] = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const {records, revision} = await store.list([...WRITE_BACK_PREFIXES, CLUSTER_INFORMATION, ALIVE_PREFIX])
    const held = new HeldObjects(site)
    held.take({type: 'list', revision, upserts: records, deletes: []})
    const {changes} = diffWriteBack({
      ...{wanted: new Map(), held: held.objects, settled: new Map(), source: '', site},
      mayPrune: (key) => remote === null || tellsOf(key, held.objects.get(key)?.text ?? '', remote),
      identity: () => ({uid: '', creationTimestamp: ''}),
    })
    if (changes.length === 0) return {ok: true, removed}
    if (held.isLocked) return {ok: false, removed, reason: 'locked'}
    if (records.some(({key}) => key.startsWith(ALIVE_PREFIX))) return {ok: false, removed, reason: 'alive'}
    if (dryRun) return {ok: true, removed: changes.map(({key}) => key)}
    for (let from = 0; from < changes.length; from += OPERATIONS) {
      const part = changes.slice(from, from + OPERATIONS)
      const terms = {existing: [], quiet: [CLUSTER_INFORMATION, ALIVE_PREFIX], since: revision}
      if (await store.swap({...terms, changes: part})) removed.push(...part.map(({key}) => key))
    }
  }
  return {ok: false, removed, reason: 'busy'}
}
