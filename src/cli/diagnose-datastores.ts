import type {CheckReport} from '../diagnose/index.ts'
import type {DatastoreFacts, EndpointWalk, GatewayConfig, PasswordUser, TlsFiles} from '../model/index.ts'

/** A datastore or remote site, as the configuration names it. */
export interface Place {
  readonly name: string
  /** `datastore main`, `export b`. */
  readonly source: string
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles | null
  readonly user: PasswordUser | null
  readonly prefixes: readonly string[]
}

const CALICO = ['/calico/resources/v3/projectcalico.org/', '/calico/ipam/v2/']
const DOCUMENTS = '/isthmus/v1/resources/'
const EXPORT = '/isthmus/v1/export/'

export function placesOf(config: GatewayConfig): Place[] {
  const own = config.datastores.filter(({kind}) => kind !== 'file')
  return [
    ...own.map(
      ({name, kind, endpoints, tls, user, export: exporting}): Place => ({
        ...{name, source: `datastore ${name}`, endpoints, tls, user},
        prefixes: [...(kind === 'calico' ? CALICO : []), DOCUMENTS, ...(exporting ? [EXPORT] : [])],
      }),
    ),
    ...[...config.sites.values()].map(
      ({name, endpoints, tls, user}): Place => ({
        ...{name, source: `export ${name}`, endpoints, tls, user},
        prefixes: [EXPORT],
      }),
    ),
  ]
}

export async function checkCertificates(config: GatewayConfig, nowMs: number): Promise<CheckReport> {
  const [{readPasswordFile, readTlsFiles}, {checkTlsFiles}] = await Promise.all([
    import('../certificates/index.ts'),
    import('../diagnose/index.ts'),
  ])
  const places = placesOf(config).map(async ({source, endpoints, tls, user}) => ({
    ...{source, endpoints, files: tls, user},
    tls: tls && (await readTlsFiles(tls)),
    password: user && (await readPasswordFile(user.passwordFile)),
  }))
  return checkTlsFiles(await Promise.all(places), nowMs)
}

/** Walks to all of them at once: one that is away must not hold up the others. */
export async function checkDatastores(places: readonly Place[], nowMs: number, check: string): Promise<CheckReport> {
  const {judgeDatastores} = await import('../diagnose/index.ts')
  return judgeDatastores(check, await Promise.all(places.map(walkPlace)), nowMs)
}

async function walkPlace({source, endpoints, tls, user: login, prefixes}: Place): Promise<DatastoreFacts> {
  const [{callServer, readPasswordFile, readTlsFiles}, {walkEtcd}] = await Promise.all([
    import('../certificates/index.ts'),
    import('../etcd/index.ts'),
  ])
  const facts = tls && (await readTlsFiles(tls))
  const password = login && (await readPasswordFile(login.passwordFile))
  const user = login?.name ?? facts?.cert?.certificates[0]?.commonName ?? null
  const walks = endpoints.map(async (endpoint): Promise<EndpointWalk> => {
    const presented = tls && (await callServer(endpoint, tls))
    const passed = (presented === null || presented.stage === 'accepted') && !password?.fault
    return {endpoint, presented, etcd: passed ? await walkEtcd(endpoint, {tls, login, user, prefixes}) : null}
  })
  return {source, user, tls: facts, password, walks: await Promise.all(walks)}
}
