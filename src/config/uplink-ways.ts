import {FIRST_UPLINK_TABLE, LAN_LOST_TABLE, type UplinkWay} from '../model/index.ts'
import {familyOf} from '../net/index.ts'
import {conflict, type Problem} from './problem.ts'
import type {GatewayYaml} from './schema.ts'

type UplinkYaml = GatewayYaml['uplinks'][number]

/** The kernel's own, and the one of `isthmus watch-lan`. */
const TAKEN = new Map([
  [253, "the kernel's table default"],
  [254, "the kernel's table main"],
  [255, "the kernel's table local"],
  [LAN_LOST_TABLE, 'the table of isthmus watch-lan'],
])

const tableOf = ({table}: UplinkYaml, index: number): number => table ?? FIRST_UPLINK_TABLE + index

export const toUplinkWay = (uplink: UplinkYaml, index: number): UplinkWay | null =>
  uplink.gateway === undefined || uplink.device === undefined
    ? null
    : {gateway: uplink.gateway, device: uplink.device, table: tableOf(uplink, index)}

/** A router of an uplink's own needs a device, an address of the uplink's family, and a table that nobody else has. */
export function* checkUplinkWays({uplinks}: GatewayYaml): Generator<Problem> {
  const takers = new Map(TAKEN)
  for (const [index, uplink] of uplinks.entries()) {
    const {name, address, gateway, device, table} = uplink
    const path = ['uplinks', index]
    if (gateway === undefined) {
      if (table !== undefined) {
        yield conflict([...path, 'table'], `uplink ${name} has no gateway, so no table of its own`, 'give both or none')
      }
      continue
    }
    if (familyOf(gateway) !== familyOf(address)) {
      yield conflict([...path, 'gateway'], `${gateway} and ${address} are of two families`, 'the router on that line')
    }
    if (uplinks.some((one) => one.address === gateway)) {
      yield conflict([...path, 'gateway'], `${gateway} is this gateway's own address`, 'the router on that line')
    }
    if (device === undefined) {
      yield conflict(
        [...path, 'gateway'],
        `uplink ${name} names no device`,
        'name the one towards that router: `device`',
      )
    }
    const number = tableOf(uplink, index)
    const taker = takers.get(number)
    if (taker) yield conflict([...path, 'table'], `${number} is ${taker}`, 'another number, 1 to 32765')
    else takers.set(number, `the table of uplink ${name}`)
  }
}
