import {type Encapsulation, overheadOf} from '../model/index.ts'
import {type Address, familyOf} from '../net/index.ts'

/** What a path carries until it has been probed: Ethernet's 1,500 bytes, or what the uplink's device has, where that is less. */
export const underlayMtuDefault = 1500

/** The inner MTU over a path of `underlayMtu` bytes. Rounded down to even, as no link layer has an odd one. */
export function innerMtu(encapsulation: Encapsulation, outer: Address, underlayMtu: number): number {
  const mtu = underlayMtu - overheadOf(encapsulation, familyOf(outer))
  return mtu - (mtu % 2)
}
