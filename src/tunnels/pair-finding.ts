import type {Finding, FindingCode} from '../model/index.ts'
import type {Pair} from './tunnel-parts.ts'

/** Of one pair of uplinks, at the far end's record. */
export function pairFinding(
  pair: Pair,
  code: FindingCode,
  detail: string,
  remedy?: string,
  severity: Finding['severity'] = code === 'tunnel-key-missing' || code === 'tunnel-without-ipv6' ? 'warning' : 'error',
): Finding {
  const where = {source: `export ${pair.site.name}`, key: `gateways/${pair.gateway.name}`, field: pair.identity.local}
  return {code, severity, where, detail, ...(remedy === undefined ? {} : {remedy})}
}
