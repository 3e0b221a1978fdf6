import type {EtcdKeyValues} from '../etcd/index.ts'
import {ALIVE_PREFIX, type DatastoreConfig, type Finding, type GatewayConfig, type SiteName} from '../model/index.ts'
import type {Removal} from './remove-write-back.ts'

/** What to do where etcd does not take name and password. */
export const LOGIN_REMEDY =
  'name and password of the datastore’s `user` must be those that etcd has: `isthmus diagnose datastore`'

export type Asked<T> = {readonly value: T} | {readonly finding: Finding}

/** Asks a datastore of the site with the rights that the configuration gives; that it does not answer is a finding. */
export async function askDatastore<T>(
  {name, endpoints, tls, user}: DatastoreConfig,
  ask: (store: EtcdKeyValues) => Promise<T>,
): Promise<Asked<T>> {
  // gRPC is the heaviest thing of the command line by far, and needed by few commands.
  const {EtcdLoginRefused, EtcdRefused, EtcdUnreachable, openKeyValues} = await import('../etcd/index.ts')
  const store = openKeyValues({endpoints, tls, user})
  const where = {source: `datastore ${name}`}
  try {
    return {value: await ask(store)}
  } catch (error) {
    if (error instanceof EtcdUnreachable) {
      return {finding: {code: 'etcd-unreachable', severity: 'error', where, detail: error.message}}
    }
    if (!(error instanceof EtcdRefused)) throw error
    const remedy =
      error instanceof EtcdLoginRefused
        ? LOGIN_REMEDY
        : "the datastore's user must be able to write what its gateways write"
    return {finding: {code: 'etcd-refused', severity: 'error', where, detail: error.message, remedy}}
  } finally {
    store.close()
  }
}

/** Gateways of the site that live, by their keys. */
export const livingIn = (keys: readonly {readonly key: string}[]): readonly string[] =>
  keys.filter(({key}) => key.startsWith(ALIVE_PREFIX)).map(({key}) => key.slice(ALIVE_PREFIX.length))

/** Gateways of the own site that live, as the datastore that holds the export has it. */
export function livingGateways(config: GatewayConfig): Promise<Asked<readonly string[]>> {
  const datastore = config.datastores.find((one) => one.export)!
  return askDatastore(datastore, async (store) => livingIn((await store.list([ALIVE_PREFIX])).records))
}

/** Removes, in one datastore, what was written back: of all sites, or of one. */
export async function removeObjects(
  config: GatewayConfig,
  datastore: DatastoreConfig,
  options: {readonly remote: SiteName | null; readonly dryRun: boolean},
): Promise<Asked<Removal>> {
  const {removeWriteBack} = await import('./remove-write-back.ts')
  const asked = await askDatastore(datastore, (store) => removeWriteBack(store, config.site, options))
  if ('finding' in asked || asked.value.ok) return asked
  return {finding: notRemoved(datastore, asked.value.reason)}
}

function notRemoved({name}: DatastoreConfig, reason: 'locked' | 'busy' | 'alive'): Finding {
  const where = {source: `datastore ${name}`}
  if (reason === 'locked') {
    const detail = 'datastoreReady is false: nothing is removed while Calico migrates or restores its datastore'
    return {code: 'write-back-locked', severity: 'error', where, detail, remedy: 'run this again when it is done'}
  }
  const detail = 'what was written back is not all removed: a gateway of this site, or somebody else, writes there'
  return {code: 'site-in-use', severity: 'error', where, detail, remedy: 'stop the gateways and run this again'}
}
