import type {GatewayConfig} from '../model/index.ts'
import {type Address, type Family, familyOf} from '../net/index.ts'
import {FALLBACK_PREFERENCE} from './input.ts'
import {block, quoted, symbol} from './render-text.ts'

/** The kernel's table of one uplink, to which a rule by its address leads. */
export interface UplinkTable {
  readonly uplink: string
  readonly family: Family
  readonly table: number
  readonly device: string
  readonly gateway: Address
}

/** Of uplinks with a router of their own, in order of tables. */
export const planUplinkTables = ({uplinks}: Pick<GatewayConfig, 'uplinks'>): UplinkTable[] =>
  uplinks
    .flatMap(({name, address, way}) => (way ? [{uplink: name, family: familyOf(address), ...way}] : []))
    .sort((a, b) => a.table - b.table)

const ALL: Readonly<Record<Family, string>> = {4: '0.0.0.0/0', 6: '::/0'}

/**
 * A table of its own in BIRD, which the kernel gets as it is: networks of the uplink's device, its router for all else, and
 * nothing at all while the device is down: never another uplink's way.
 */
export function renderUplinkTable({uplink, family, table, device, gateway}: UplinkTable): string[] {
  const name = `uplink${table}`
  const channel = (more = ''): string => `ipv${family} { table ${name};${more} };`
  return [
    `# Uplink ${uplink}: what comes from its address leaves by its own router.`,
    `ipv${family} table ${name};`,
    ...block(`protocol direct ${name}_near`, ['check link on;', channel(), `interface ${quoted(device)};`]),
    ...block(`protocol static ${name}_router`, [
      'check link on;',
      channel(),
      `route ${ALL[family]} via ${gateway}%${symbol(device)} onlink;`,
    ]),
    ...block(`protocol static ${name}_none`, [
      channel(` preference ${FALLBACK_PREFERENCE};`),
      `route ${ALL[family]} unreachable;`,
    ]),
    ...block(`protocol kernel ${name}_kernel`, [
      `kernel table ${table};`,
      'scan time 10;',
      'persist;',
      'graceful restart on;',
      channel(' import none; export all;'),
    ]),
  ]
}
