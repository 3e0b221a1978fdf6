import type {DiagnosisCode} from './diagnosis-code.ts'

/**
 * Bad or conflicting input, as data: collected in each pass, shown until the input is mended, never thrown.
 * Code may switch on `code`; `detail` and `remedy` are for people.
 */
export interface Finding {
  readonly code: FindingCode
  readonly severity: 'error' | 'warning' | 'info'
  readonly where: Where
  /** What is wrong, in one sentence. */
  readonly detail: string
  /** What would be right, where that can be said. */
  readonly remedy?: string
  /** Two speak for one thing: who, and which of them counts. */
  readonly conflict?: Conflict
}

export interface Conflict {
  /** What is contested: an address, a prefix, `KIND NAME` of a document. */
  readonly over: string
  /** The one that counts first, if any does. */
  readonly sides: readonly ConflictSide[]
  /** Whether the first side counts; else none of them does. */
  readonly firstCounts: boolean
}

export interface ConflictSide {
  readonly site: string
  /** What it says or holds, and where: `default/web-1 (datastore/main)`. */
  readonly says: string
}

/** The place of a finding: a file with line and column, or a datastore with key and field. */
export interface Where {
  /** `config FILE`, `datastore NAME`, `export SITE`, `bird`, `kernel`, … */
  readonly source: string
  readonly key?: string
  readonly field?: string
  readonly line?: number
  readonly column?: number
}

export type FindingCode =
  // config
  | 'config-unreadable'
  | 'config-syntax'
  | 'config-unknown-key'
  | 'config-missing'
  | 'config-invalid'
  | 'config-conflict'
  | 'config-unconfirmed'
  | 'config-rolled-back'
  | 'api-not-listening'
  // documents
  | 'document-unreadable'
  | 'document-syntax'
  | 'document-invalid'
  | 'document-unknown-field'
  | 'document-unknown-kind'
  | 'document-duplicate'
  | 'document-too-large'
  | 'document-missing'
  | 'document-conflict'
  | 'documents-in-parts'
  | 'tier-unknown'
  | 'tier-in-use'
  // decode
  | 'record-not-json'
  | 'record-invalid'
  | 'record-name-mismatch'
  | 'record-unknown-kind'
  | 'schema-unknown'
  | 'document-too-large'
  // federate
  | 'prefix-not-granted'
  | 'prefix-conflict'
  | 'endpoint-not-owned'
  | 'set-net-not-owned'
  | 'address-duplicate'
  | 'inner-address-conflict'
  | 'twin-not-named'
  | 'profile-missing'
  | 'policy-not-authority'
  | 'policy-conflict'
  | 'tier-missing'
  | 'attributes-missing'
  | 'source-missing'
  | 'source-over-limits'
  | 'datastore-emptied'
  | 'site-stale'
  | 'site-withdrawn'
  | 'site-forgotten'
  // federate, of what decode refused: what is in force in its place
  | 'refused-last-good'
  | 'refused-denies'
  | 'refused-absent'
  // policy
  | 'selector-invalid'
  | 'rule-unsupported'
  | 'policy-unsupported'
  | 'policy-too-large'
  | 'staged-too-large'
  // export
  | 'gateway-name-taken'
  | 'export-not-named'
  // tunnels and routing
  | 'encapsulation-mismatch'
  | 'tunnel-change'
  | 'tunnel-key-missing'
  | 'tunnel-without-ipv6'
  | 'tunnel-held-down'
  | 'tunnel-no-form'
  // what is measured of tunnels
  | 'prober-missing'
  | 'path-mtu'
  | 'gateway-unknown'
  | 'uplink-address-missing'
  | 'uplink-device-unknown'
  | 'node-without-address'
  | 'node-nat'
  | 'peer-is-ourselves'
  | 'peer-secret-unreadable'
  | 'peer-secret-open'
  | 'peer-over-limit'
  | 'draining'
  // apply
  | 'bird-refused'
  | 'bird-unreachable'
  | 'nft-refused'
  | 'kernel-refused'
  | 'kernel-missing-module'
  | 'queue-foreign'
  | 'etcd-unreachable'
  | 'etcd-refused'
  | 'state-unreadable'
  // write-back
  | 'write-back-conflict'
  | 'write-back-refused'
  | 'write-back-locked'
  // certificates and rights of datastores
  | 'certificate-unreadable'
  | 'certificate-expired'
  | 'certificate-expiring'
  | 'certificate-not-yet-valid'
  | 'certificate-usage'
  | 'certificate-key-mismatch'
  | 'certificate-key-open'
  | 'certificate-chain'
  | 'certificate-untrusted'
  | 'certificate-host'
  | 'certificate-refused'
  | 'certificate-not-made'
  | 'password-unreadable'
  | 'password-open'
  | 'datastore-insecure'
  | 'etcd-open'
  | 'etcd-rights-wide'
  | 'site-bundle-invalid'
  | 'site-user-left'
  | 'site-in-use'
  // diagnose
  | 'state-differs'
  | DiagnosisCode

/** One line for logs and tables: `error record-invalid datastore main /calico/… spec.nets[0]: …`. */
export function formatFinding(finding: Finding): string {
  const {source, key, field, line, column} = finding.where
  const place = [source, key, field, line === undefined ? undefined : `line ${line}${column ? `:${column}` : ''}`]
  const remedy = finding.remedy ? `; ${finding.remedy}` : ''
  const text = `${finding.code} ${place.filter((part) => part !== undefined).join(' ')}: ${finding.detail}${remedy}`
  return `${finding.severity} ${printable(text)}`
}

/** Of a text of somebody else's no more than this is told: findings are logged, listed, and compared at each pass. */
const MOST_TOLD = 512

export const brief = (text: string): string => (text.length > MOST_TOLD ? `${text.slice(0, MOST_TOLD - 1)}…` : text)

/** On one line, with control characters as escapes: keys, names and labels are other people's, and a terminal obeys. */
export const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
