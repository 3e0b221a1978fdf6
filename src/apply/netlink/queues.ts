import {type ActualQueue, QUEUE_HANDLE, type QueueSpec} from '../../model/index.ts'
import {StepFailure} from '../failure.ts'
import {attribute, attributesOf, nested, text, textOf, u32} from './attributes.ts'
import {NetlinkFailure} from './request-queue.ts'
import {CREATE, EXCLUSIVE, type RouteSocket} from './socket.ts'
import {REPLACE, RTM_QDISC, TCA, trafficControlHeader} from './traffic-control.ts'

/**
 * The root queue of an uplink, by rtnetlink: HTB with the whole rate above two classes. Control goes first, whatever the
 * other has; each may have what the other leaves. Ours is known by its handle (a device of somebody else has no other
 * place for a name), and what has another handle was set by somebody; the kernel's own queues have none.
 */
export const RTM_CLASS = {new: 40, delete: 41, get: 42} as const
const HTB = {parameters: 1, init: 2} as const
const ROOT = 0xffffffff
const HTB_VERSION = 3
const LINK_LAYER_ETHERNET = 1
const BYTES_PER_MBIT = 125_000
/** A class may send so long at once: the kernel's timer is no finer, and shapes still. */
const BURST_MS = 2
const PACKET = 1600
/** The kernel counts bursts in so many nanoseconds. */
const TICK_NS = 64
const DEFAULT_MINOR = 2
/** A packet that waits longer in the bulk's queue is dropped, where the kernel has no fq_codel. */
const LONGEST_WAIT_MS = 100

interface QueueClass {
  readonly minor: number
  readonly parent: number
  readonly prio: number
  /** Of the whole rate; it may borrow up to all of it. */
  readonly share: number
}
const CLASSES: readonly QueueClass[] = [
  {minor: 1, parent: 0, prio: 0, share: 1},
  {minor: 7, parent: 1, prio: 0, share: 0.25},
  {minor: DEFAULT_MINOR, parent: 1, prio: 1, share: 0.75},
]

const idOf = (minor: number): number => QUEUE_HANDLE * 0x10000 + minor
const bytesOf = ({share}: Pick<QueueClass, 'share'>, rateMbit: number): number =>
  Math.round(rateMbit * share * BYTES_PER_MBIT)

/** struct tc_ratespec, in bytes a second. */
const rateBytes = (rate: number): Buffer =>
  Buffer.concat([Buffer.of(0, LINK_LAYER_ETHERNET, 0, 0, 0, 0, 0, 0), u32(rate)])

function classMessage(index: number, one: QueueClass, rateMbit: number): Buffer {
  const [rate, ceiling] = [bytesOf(one, rateMbit), bytesOf({share: 1}, rateMbit)]
  const burst = (bytesPerSecond: number): Buffer =>
    u32(Math.round((PACKET / bytesPerSecond + BURST_MS / 1000) * (1e9 / TICK_NS)))
  const quantum = Math.min(Math.max(Math.round(rate / 100), PACKET), 60_000)
  const parameters = Buffer.concat([
    ...[rateBytes(rate), rateBytes(ceiling), burst(rate), burst(ceiling)],
    ...[u32(quantum), u32(0), u32(one.prio)],
  ])
  return Buffer.concat([
    trafficControlHeader(index, idOf(one.minor), idOf(one.parent)),
    attribute(TCA.kind, text('htb')),
    nested(TCA.options, attribute(HTB.parameters, parameters)),
  ])
}

function rootMessage(index: number): Buffer {
  const init = Buffer.concat([HTB_VERSION, 10, DEFAULT_MINOR, 0, 0].map(u32))
  return Buffer.concat([
    trafficControlHeader(index, idOf(0), ROOT),
    attribute(TCA.kind, text('htb')),
    nested(TCA.options, attribute(HTB.init, init)),
  ])
}

interface KernelQueue {
  readonly index: number
  readonly handle: number
  readonly kind: string
}

/** The root queues that somebody set: the kernel's own have no handle. */
async function roots(socket: RouteSocket): Promise<KernelQueue[]> {
  return (await socket.dump(RTM_QDISC.get, trafficControlHeader(0, 0, 0))).flatMap((message) => {
    const [handle, parent] = [message.readUInt32LE(8), message.readUInt32LE(12)]
    if (parent !== ROOT || handle === 0) return []
    return [{index: message.readInt32LE(4), handle, kind: textOf(attributesOf(message.subarray(20)).get(TCA.kind))}]
  })
}

/** The rate that the classes of ours were made for; null: they are not as we make them. */
async function rateOf(socket: RouteSocket, index: number): Promise<number | null> {
  const held = new Map<number, string>()
  for (const message of await socket.dump(RTM_CLASS.get, trafficControlHeader(index, 0, 0))) {
    const options = attributesOf(attributesOf(message.subarray(20)).get(TCA.options) ?? Buffer.alloc(0))
    const parameters = options.get(HTB.parameters)
    if (parameters) held.set(message.readUInt32LE(8), shapeOf(parameters))
  }
  const rate = /^(\d+) /.exec(held.get(idOf(1)) ?? '')?.[1]
  if (rate === undefined) return null
  const rateMbit = Number(rate) / BYTES_PER_MBIT
  const wanted = new Map(
    CLASSES.map((one) => [idOf(one.minor), `${bytesOf(one, rateMbit)} ${bytesOf({share: 1}, rateMbit)} ${one.prio}`]),
  )
  // An inner class has no priority of its own.
  const same = [...wanted].every(([id, shape]) => held.get(id) === shape || id === idOf(1))
  return same && held.size === wanted.size ? rateMbit : null
}

const shapeOf = (parameters: Buffer): string =>
  `${parameters.readUInt32LE(8)} ${parameters.readUInt32LE(20)} ${parameters.readUInt32LE(40)}`

const isOurs = ({handle, kind}: KernelQueue): boolean => handle === idOf(0) && kind === 'htb'

export async function readQueues(socket: RouteSocket, names: ReadonlyMap<number, string>): Promise<ActualQueue[]> {
  const queues: ActualQueue[] = []
  for (const root of await roots(socket)) {
    const device = names.get(root.index)
    if (device === undefined) continue
    queues.push(
      isOurs(root)
        ? {device, ours: true, rateMbit: await rateOf(socket, root.index)}
        : {device, ours: false, kind: root.kind},
    )
  }
  return queues
}

/** Makes the queue, or what of it is not as wanted. Somebody else's is never replaced. */
export async function setQueue(socket: RouteSocket, index: number, {device, rateMbit}: QueueSpec): Promise<void> {
  const held = (await roots(socket)).find((root) => root.index === index)
  if (held && !isOurs(held))
    throw new StepFailure('exists', `device ${device} has a queue (${held.kind}) that is not ours`)
  if (held && (await rateOf(socket, index)) === rateMbit) return
  // Classes change in place; a queue that somebody has rebuilt is made anew.
  if (!held) await socket.change(RTM_QDISC.new, rootMessage(index), CREATE | EXCLUSIVE)
  for (const one of CLASSES) await socket.change(RTM_CLASS.new, classMessage(index, one, rateMbit), CREATE)
  await setBulkQueue(socket, index, rateMbit)
}

/** Short, whoever fills it: fair between flows where the kernel can. */
async function setBulkQueue(socket: RouteSocket, index: number, rateMbit: number): Promise<void> {
  const place = trafficControlHeader(index, 0, idOf(DEFAULT_MINOR))
  const replace = CREATE | REPLACE
  try {
    await socket.change(RTM_QDISC.new, Buffer.concat([place, attribute(TCA.kind, text('fq_codel'))]), replace)
  } catch (error) {
    if (!(error instanceof NetlinkFailure) || error.code !== 'missing') throw error
    const packets = Math.max(10, Math.round((rateMbit * BYTES_PER_MBIT * LONGEST_WAIT_MS) / 1000 / PACKET))
    const fifo = [attribute(TCA.kind, text('pfifo')), attribute(TCA.options, u32(packets))]
    await socket.change(RTM_QDISC.new, Buffer.concat([place, ...fifo]), replace)
  }
}

export async function deleteQueue(socket: RouteSocket, index: number): Promise<void> {
  const held = (await roots(socket)).find((root) => root.index === index)
  if (held && isOurs(held)) await socket.change(RTM_QDISC.delete, trafficControlHeader(index, idOf(0), ROOT))
}

/**
 * Whether a notification, of a queue or a class, is of ours, or of a root queue of somebody's that went: then there may be
 * room for ours.
 */
export function tellsOfQueue(type: number, message: Buffer): boolean {
  const handle = message.readUInt32LE(8)
  if (handle >>> 16 === QUEUE_HANDLE) return true
  return type === RTM_QDISC.delete && message.readUInt32LE(12) === ROOT && handle !== 0
}
