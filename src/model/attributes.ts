import {createHash} from 'node:crypto'
import type {AttributeSetId} from './ids.ts'

/** What an address is to policy. Network sets and CIDRs are peers only; the others are subjects too. */
export type AttributeKind = 'pod' | 'host' | 'set' | 'prefix'

export type PortProtocol = 'tcp' | 'udp' | 'sctp'

export interface NamedPort {
  readonly name: string
  readonly protocol: PortProtocol
  readonly port: number
}

/**
 * What policy can know of an endpoint. `labels` are the effective ones: own labels, then those inherited from profiles
 * (`pcns.`, `pcsa.` among them; calico-model 3.3), and `isthmus.io/site` on all kinds but `set`.
 */
export interface AttributeSet {
  readonly kind: AttributeKind
  readonly labels: Readonly<Record<string, string>>
  readonly namespace: string | null
  readonly serviceAccount: string | null
  readonly ports: readonly NamedPort[]
}

/** Content address: equal attribute sets have equal ids, whatever the order of labels and ports. */
export function attributeSetId(set: AttributeSet): AttributeSetId {
  const labels = Object.entries(set.labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const ports = set.ports.map((port) => [port.name, port.protocol, port.port].join('\0')).sort()
  const content = JSON.stringify([set.kind, labels, set.namespace, set.serviceAccount, ports])
  return createHash('sha256').update(content).digest('hex').slice(0, 20) as AttributeSetId
}

/** Set by Isthmus on pods, hosts and prefixes, over any own or inherited label; never on network sets. */
export const SITE_LABEL = 'isthmus.io/site'
/** Likewise on pods and hosts: the datastore of their site that they are in. */
export const DATASTORE_LABEL = 'isthmus.io/datastore'
/** Of no Calico's own. */
export const ISTHMUS_LABELS: readonly string[] = [SITE_LABEL, DATASTORE_LABEL]
