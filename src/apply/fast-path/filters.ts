import {FAST_PATH_PRIORITY} from '../../model/index.ts'
import {attribute, attributesOf, nested, text, textOf, u32} from '../netlink/attributes.ts'
import {NetlinkFailure} from '../netlink/request-queue.ts'
import {CREATE, EXCLUSIVE, type RouteSocket} from '../netlink/socket.ts'
import {REPLACE, RTM_QDISC, TCA, trafficControlHeader} from '../netlink/traffic-control.ts'

/** Where a device's programs stand: rtnetlink's clsact queue, and a filter of kind `bpf` on each side of it. */
const RTM_FILTER = {new: 44, delete: 45, get: 46} as const
const BPF = {fd: 6, name: 7, flags: 8} as const
const DIRECT_ACTION = 1
const CLSACT = {handle: 0xffff0000, parent: 0xfffffff1} as const
const SIDE = {arriving: 0xfffffff2, leaving: 0xfffffff3} as const
const HANDLE = 1
const ALL_PROTOCOLS = 0x0300
const PREFIX = 'isthmus '

export type Side = keyof typeof SIDE

const PLACE = FAST_PATH_PRIORITY * 0x10000 + ALL_PROTOCOLS

/** Puts a program on a side of a device under a name, in place of ours that was there. */
export async function setFilter(
  socket: RouteSocket,
  {index, side, program, name}: {index: number; side: Side; program: number; name: string},
): Promise<void> {
  const queue = Buffer.concat([
    trafficControlHeader(index, CLSACT.handle, CLSACT.parent, 0),
    attribute(TCA.kind, text('clsact')),
  ])
  await ifNot('exists', socket.change(RTM_QDISC.new, queue, CREATE | EXCLUSIVE))
  const options = [
    attribute(BPF.fd, u32(program)),
    attribute(BPF.name, text(`${PREFIX}${name}`)),
    attribute(BPF.flags, u32(DIRECT_ACTION)),
  ]
  const place = trafficControlHeader(index, HANDLE, SIDE[side], PLACE)
  const filter = Buffer.concat([place, attribute(TCA.kind, text('bpf')), nested(TCA.options, ...options)])
  await socket.change(RTM_FILTER.new, filter, CREATE | REPLACE)
}

/**
 * Takes ours off, nobody else's. The queue stays: to take it away, or to make it, the kernel holds the device up for some
 * microseconds, in which it drops what is to be sent.
 */
export async function deleteFilter(socket: RouteSocket, index: number, side: Side): Promise<void> {
  await ifNot('missing', socket.change(RTM_FILTER.delete, trafficControlHeader(index, HANDLE, SIDE[side], PLACE)))
}

/** The name that a program of ours was put there under, by this process or one before; null: there is none. */
export async function filterName(socket: RouteSocket, index: number, side: Side): Promise<string | null> {
  for (const message of await socket.dump(RTM_FILTER.get, trafficControlHeader(index, 0, SIDE[side], 0))) {
    const options = attributesOf(attributesOf(message.subarray(20)).get(TCA.options) ?? Buffer.alloc(0))
    const name = textOf(options.get(BPF.name))
    if (message.readUInt32LE(16) >>> 16 === FAST_PATH_PRIORITY && name.startsWith(PREFIX))
      return name.slice(PREFIX.length)
  }
  return null
}

async function ifNot(code: NetlinkFailure['code'], change: Promise<void>): Promise<void> {
  try {
    await change
  } catch (error) {
    if (!(error instanceof NetlinkFailure) || error.code !== code) throw error
  }
}
