import {u32} from './attributes.ts'

/** rtnetlink's objects of traffic control (linux/rtnetlink.h), in their own numbers. */
export const RTM_QDISC = {new: 36, delete: 37, get: 38} as const
export const TCA = {kind: 1, options: 2} as const
export const REPLACE = 0x100

/** struct tcmsg: of a device by index the object, where it stands, and for a filter its priority and protocol. */
export function trafficControlHeader(index: number, handle: number, parent: number, info = 0): Buffer {
  const bytes = Buffer.alloc(20)
  for (const [place, value] of [index, handle, parent, info].entries()) bytes.set(u32(value), 4 + 4 * place)
  return bytes
}
