import type {Address} from '../net/index.ts'
import type {GatewayConfig} from './gateway-config.ts'

/** What this gateway sends from an uplink's address is looked up in that uplink's own table of routes first. */
export interface SourceRule {
  readonly source: Address
  /** Of the kernel; the rule has the same number as its priority. */
  readonly table: number
}

/** What the kernel notes on a rule of whoever made it: ours alone are ever touched. Others of the well-known list are daemons of routing. */
export const RULE_PROTOCOL = 73

/** Of the first uplink where the configuration says nothing; each further one has the next. */
export const FIRST_UPLINK_TABLE = 1790

/** Of uplinks with a router of their own, in order. */
export const sourceRules = ({uplinks}: Pick<GatewayConfig, 'uplinks'>): SourceRule[] =>
  uplinks
    .flatMap(({address, way}) => (way ? [{source: address, table: way.table}] : []))
    .sort((a, b) => a.table - b.table)

export const sourceRuleText = ({source, table}: SourceRule): string => `from ${source} lookup ${table}`
