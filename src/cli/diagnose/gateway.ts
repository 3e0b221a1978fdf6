import {isIP} from 'node:net'
import type {ApiClient, GatewayStatus} from '../../api/client.ts'
import type {CalicoFacts, GatewaySays, HealthFlow, RouterFacts, Seen} from '../../diagnose/index.ts'
import type {GatewayConfig} from '../../model/index.ts'
import {parseAddress, prefixContainsAddress} from '../../net/index.ts'
import {placesOf} from '../diagnose-datastores.ts'
import {look, tool} from './look.ts'

/** Of the status what is judged. */
export const saysOf = (status: GatewayStatus): GatewaySays => ({...status, drops: status.nft.drops})

export const readGateway = (api: ApiClient): Promise<Seen<GatewayStatus>> =>
  look('the gateway', async () => {
    const answer = await api.status()
    if (!answer.ok) throw new Error(answer.message)
    return answer.value
  })

export const readInForce = (api: ApiClient): Promise<Seen<string>> =>
  look('the gateway', async () => {
    const answer = await api.config(null)
    if (!answer.ok) throw new Error(answer.message)
    return answer.value.text
  })

/** What BIRD says of its sessions, asked directly: the daemon may be away. */
export const readSessions = (socket: string): Promise<Seen<RouterFacts>> =>
  look(socket, async (signal) => {
    const [{keepBird}, {readRouter}] = await Promise.all([
      import('../../bird/index.ts'),
      import('../../observe/index.ts'),
    ])
    const {up, sessions, bfd} = await readRouter(keepBird(socket, signal), signal)
    if (!up) throw new Error('no BIRD answers')
    return {sessions, bfd}
  })

/** Connections by which sites are read, of those whose etcd lies inside a prefix that policy speaks of. */
export function readHealth(config: GatewayConfig, api: ApiClient): Promise<Seen<readonly HealthFlow[]>> {
  return look('policy', async (signal) => {
    const owned = [config.owns, ...[...config.sites.values()].map(({owns}) => owns)].flat()
    const targets = placesOf(config).flatMap(({source, endpoints}) =>
      endpoints.flatMap((endpoint) => {
        const {hostname, port} = new URL(endpoint)
        const address = isIP(hostname) ? parseAddress(hostname) : null
        const isInside = address !== null && owned.some((prefix) => prefixContainsAddress(prefix, address))
        return isInside ? [{what: source, to: hostname, port: Number(port)}] : []
      }),
    )
    const flows: HealthFlow[] = []
    for (const {what, to, port} of targets) {
      const [route] = JSON.parse(await tool(signal, 'ip', '-j', 'route', 'get', to)) as {prefsrc?: string}[]
      const from = route?.prefsrc ?? config.uplinks[0]!.address
      const answer = await api.trace({from, to, protocol: 'tcp', port})
      if (!answer.ok) throw new Error(answer.message)
      const {verdict, reason, policy} = answer.value
      flows.push({
        what,
        from,
        to,
        port,
        verdict: String(verdict),
        by: policy ? `policy ${String(policy)}` : String(reason),
      })
    }
    return flows
  })
}

const CALICO = '/calico/resources/v3/projectcalico.org'

/** Settings of the site's Calicos that bear on packets to other sites. */
export async function readCalico(config: GatewayConfig): Promise<Seen<readonly CalicoFacts[]>> {
  const stores = config.datastores.filter(({kind}) => kind === 'calico')
  return look('Calico', async () => {
    const {openKeyValues} = await import('../../etcd/index.ts')
    return Promise.all(
      stores.map(async ({name, endpoints, tls, user}): Promise<CalicoFacts> => {
        const store = openKeyValues({endpoints, tls, user})
        try {
          const kinds = ['ippools', 'bgpconfigurations', 'clusterinformations']
          const {records} = await store.list(kinds.map((kind) => `${CALICO}/${kind}/`))
          return calicoFacts(name, new Map(records.map(({key, value}) => [key, specOf(value)])))
        } finally {
          store.close()
        }
      }),
    )
  })
}

type Json = Readonly<Record<string, unknown>>

/** A document that cannot be read has no settings; that it cannot, decode tells. */
function specOf(value: Uint8Array): Json {
  try {
    const document: unknown = JSON.parse(Buffer.from(value).toString('utf8'))
    const spec: unknown = typeof document === 'object' && document !== null && 'spec' in document ? document.spec : null
    return typeof spec === 'object' && spec !== null ? (spec as Json) : {}
  } catch {
    return {}
  }
}

function calicoFacts(datastore: string, specs: ReadonlyMap<string, Json>): CalicoFacts {
  const of = (key: string): Json => specs.get(`${CALICO}/${key}`) ?? {}
  const pools = [...specs].flatMap(([key, {cidr, natOutgoing, disableBGPExport, disabled}]) =>
    key.startsWith(`${CALICO}/ippools/`) && typeof cidr === 'string'
      ? [
          {
            ...{name: key.slice(`${CALICO}/ippools/`.length), cidr, natOutgoing: natOutgoing === true},
            ...{disableBGPExport: disableBGPExport === true, disabled: disabled === true},
          },
        ]
      : [],
  )
  const {asNumber} = of('bgpconfigurations/default')
  const {datastoreReady} = of('clusterinformations/default')
  return {
    ...{datastore, pools, as: asNumber === undefined ? null : Number(asNumber)},
    ready: typeof datastoreReady === 'boolean' ? datastoreReady : null,
  }
}
