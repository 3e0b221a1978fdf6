import {
  type Decoded,
  type HostEndpoint,
  OWNER_ANNOTATION,
  type Resource,
  type WorkloadEndpoint,
} from '../../model/index.ts'
import type {Address} from '../../net/index.ts'
import {type CalicoView, calicoView} from './own-calico.ts'

/** An endpoint with what says which of two counts. */
interface Stored {
  readonly endpoint: WorkloadEndpoint | HostEndpoint
  readonly isCalicos: boolean
  readonly modRevision: number
  readonly holder: string
}

/**
 * The Calico of each datastore of a site, by their records. An address that several endpoints hold is the latest one's, as
 * it is to global policy (formats.md), whichever datastore and root that stands in; what Isthmus wrote counts for no rival.
 */
export function storedCalico(
  datastores: ReadonlyMap<string, Iterable<Decoded>>,
  addresses: readonly Address[],
): ReadonlyMap<string, CalicoView> {
  const rivals: Stored[] = []
  const read = [...datastores].map(([name, records]) => {
    const resources: Resource[] = []
    const endpoints: Stored[] = []
    for (const record of records) {
      if (record.type !== 'resource') continue
      const {resource, root, key, modRevision} = record
      if (resource.kind !== 'WorkloadEndpoint' && resource.kind !== 'HostEndpoint') {
        // Felix reads Calico's tree; what stands under the other root is enforced by gateways only.
        if (root === 'calico') resources.push(resource)
      } else if (resource.addresses.some((address) => addresses.includes(address))) {
        const stored = {
          endpoint: resource,
          isCalicos: root === 'calico',
          modRevision,
          holder: `datastore/${name} ${key}`,
        }
        endpoints.push(stored)
        if (!isWrittenByUs(stored)) rivals.push(stored)
      }
    }
    return {name, resources, endpoints}
  })
  const latest = rivals.sort((a, b) => b.modRevision - a.modRevision || (a.holder < b.holder ? -1 : 1))
  const holderOf = new Map(
    addresses.map((address) => [address, latest.find(({endpoint}) => endpoint.addresses.includes(address))]),
  )
  return new Map(
    read.map(({name, resources, endpoints}) => {
      const own = endpoints
        .filter(({isCalicos}) => isCalicos)
        .map((stored): Resource => {
          const holds = (address: Address): boolean => isWrittenByUs(stored) || holderOf.get(address) === stored
          return {...stored.endpoint, addresses: stored.endpoint.addresses.filter(holds)}
        })
      return [name, calicoView([...resources, ...own], addresses)]
    }),
  )
}

const isWrittenByUs = ({endpoint}: Stored): boolean => Object.hasOwn(endpoint.meta.annotations, OWNER_ANNOTATION)
