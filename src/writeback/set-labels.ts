import {createHash} from 'node:crypto'
import {type AttributeSet, SITE_LABEL, type SiteName} from '../model/index.ts'

const NAMESPACE_LABEL = 'isthmus.io/namespace'
const SERVICE_ACCOUNT_LABEL = 'isthmus.io/service-account'
const CALICOS = 'projectcalico.org/'
const CALICOS_NAMESPACE = 'projectcalico.org/namespace'

/** Labels inherited from namespace and service account; on a set they would make it one of a namespace (model 5.5 c). */
const INHERITED = /^pc(?:ns|sa)\./

export type Labels = Readonly<Record<string, string>>

/**
 * The labels of a GlobalNetworkSet of endpoints with these attributes. It stands in no namespace: what Calico says of that
 * itself goes, and comes under names of ours, which nothing that is there already selects.
 */
export function globalSetLabels(set: AttributeSet, site: SiteName): Labels {
  const {namespace, serviceAccount} = set
  const own = Object.entries(set.labels).filter(([name]) => !name.startsWith(CALICOS) && !INHERITED.test(name))
  const {[NAMESPACE_LABEL]: _, [SERVICE_ACCOUNT_LABEL]: __, ...labels} = Object.fromEntries(own)
  return {
    ...labels,
    ...(namespace !== null && isLabelValue(namespace) ? {[NAMESPACE_LABEL]: namespace} : {}),
    ...(serviceAccount !== null && isLabelValue(serviceAccount) ? {[SERVICE_ACCOUNT_LABEL]: serviceAccount} : {}),
    [SITE_LABEL]: site,
  }
}

/**
 * Those of a NetworkSet in the namespace of the same name, where the operator says that it is the same one: also Calico's own
 * labels, but for the namespace, which the API refuses on a set and Felix adds.
 */
export function namespaceSetLabels(set: AttributeSet, site: SiteName): Labels {
  const own = Object.entries(set.labels).filter(([name]) => name !== CALICOS_NAMESPACE && !INHERITED.test(name))
  const calicos = own.filter(([name]) => name.startsWith(CALICOS))
  return {...globalSetLabels(set, site), ...Object.fromEntries(calicos)}
}

/** So much of labels a set may have: a set is rewritten with each address. */
const MOST_BYTES = 16_384

/** Why Calico would refuse these labels, and with them the whole object; null: it would not. */
export function labelsRefused(labels: Labels): string | null {
  let bytes = 0
  for (const [name, value] of Object.entries(labels)) {
    if (!isQualifiedName(name)) return `label ${short(name)} is no name that Calico takes`
    if (!isLabelValue(value)) return `label ${short(name)} has the value ${short(value)}, which Calico does not take`
    bytes += name.length + value.length
  }
  return bytes > MOST_BYTES ? `${bytes} bytes of labels; at most ${MOST_BYTES}` : null
}

/** Equal labels, equal digest, whatever their order. */
export function labelsDigest(labels: Labels): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16)
}

const NAME_PART = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

/** Kubernetes' grammar, which Calico's validation asks (libcalico-go/lib/validator/v3, validateObjectMetaLabels). */
function isQualifiedName(text: string): boolean {
  const slash = text.indexOf('/')
  if (slash === -1) return NAME_PART.test(text)
  return slash <= 253 && SUBDOMAIN.test(text.slice(0, slash)) && NAME_PART.test(text.slice(slash + 1))
}

const isLabelValue = (text: string): boolean => text === '' || NAME_PART.test(text)

const short = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
