// Sends the rounds of a `RouterBed` from inside the senders' namespace, pinned to its own core, and says how long the
// receiver took to have them all: reads a `SendPlan` (JSON, stdin), prints a `SentRound` a line.
import {openSync, readFileSync, readSync} from 'node:fs'
import koffi from 'koffi'
import {FRAME_LENGTH, FRAME_STRIDE} from './flows.ts'

export interface SendPlan {
  /** A `/proc/PID/net/dev` of the receiver's namespace. */
  readonly receiverDevices: string
  readonly routers: readonly {
    readonly near: string
    readonly far: string
    /** File of frames, the plan's `flows` of them for each round. */
    readonly frames: string
    /** So many of these are sent. */
    readonly flows: number
    readonly silent: boolean
  }[]
  readonly rounds: readonly (readonly number[])[]
  readonly flows: number
  readonly packetsOfFlow: number
  /** In how many turns a round is sent; divides `packetsOfFlow`. */
  readonly slices: number
}

export interface SentRound {
  /** Index into the plan's routers. */
  readonly router: number
  readonly packets: number
  readonly arrived: number
  readonly elapsedMs: number
  /** Share of the system calls that were refused because the router was behind. */
  readonly waiting: number
}

const [AF_PACKET, SOCK_RAW, SOL_PACKET, PACKET_QDISC_BYPASS, MSG_DONTWAIT] = [17, 3, 263, 20, 0x40]
/** Frames a system call. */
const BATCH = 64
const [IOVEC_SIZE, MMSGHDR_SIZE] = [16, 64]
/** Without one more arrival for so long, what is missing is lost. */
const PATIENCE_MS = 500

const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int, int, int)')
const bind = libc.func('int bind(int, const void *, uint32_t)')
const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)')
const sendmmsg = libc.func('int sendmmsg(int, void *, unsigned int, int)')

const plan = JSON.parse(readFileSync(0, 'utf8')) as SendPlan
// The file of a process that lives in the receiver's namespace: its devices, not ours.
const devices = openSync(plan.receiverDevices, 'r')
const text = Buffer.alloc(16_384)

function received(device: string): number {
  const length = readSync(devices, text, 0, text.length, 0)
  const match = new RegExp(`\\b${device}:\\s*\\d+\\s+(\\d+)`).exec(text.toString('latin1', 0, length))
  if (!match) throw new Error(`the receiver has no device ${device}`)
  return Number(match[1])
}

function packetSocket(device: string): number {
  const handle: number = socket(AF_PACKET, SOCK_RAW, 0)
  const to = Buffer.alloc(20)
  to.writeUInt16LE(AF_PACKET, 0)
  to.writeInt32LE(Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8')), 4)
  if (handle < 0 || bind(handle, to, to.length) !== 0) throw new Error('no packet socket: not root?')
  const on = Buffer.from([1, 0, 0, 0])
  if (setsockopt(handle, SOL_PACKET, PACKET_QDISC_BYPASS, on, on.length) !== 0) throw new Error('no queue bypass')
  return handle
}

/** `struct mmsghdr` for each frame, as sendmmsg takes them: made once, sent many times. */
function messagesFor(frames: Buffer): {headers: Buffer; vectors: Buffer} {
  const count = frames.length / FRAME_STRIDE
  const vectors = Buffer.alloc(count * IOVEC_SIZE)
  const headers = Buffer.alloc(count * MMSGHDR_SIZE)
  const [frameBase, vectorBase] = [BigInt(koffi.address(frames)), BigInt(koffi.address(vectors))]
  for (let i = 0; i < count; i++) {
    vectors.writeBigUInt64LE(frameBase + BigInt(i * FRAME_STRIDE), i * IOVEC_SIZE)
    vectors.writeBigUInt64LE(BigInt(FRAME_LENGTH), i * IOVEC_SIZE + 8)
    headers.writeBigUInt64LE(vectorBase + BigInt(i * IOVEC_SIZE), i * MMSGHDR_SIZE + 16)
    headers.writeBigUInt64LE(1n, i * MMSGHDR_SIZE + 24)
  }
  return {headers, vectors}
}

const routers = plan.routers.map((router) => {
  const frames = readFileSync(router.frames)
  return {...router, frames, ...messagesFor(frames), handle: packetSocket(router.near)}
})

interface Slice {
  readonly arrived: number
  readonly elapsedMs: number
  readonly calls: number
  readonly refused: number
}

/** Sends the round's frames so often and waits until the receiver has them. */
function sendSlice(router: (typeof routers)[number], round: number, passes: number): Slice {
  const {far, handle, headers, silent, flows} = router
  const first = round * plan.flows
  const before = received(far)
  let [calls, refused] = [0, 0]
  const beganMs = performance.now()
  for (let pass = 0; pass < passes; pass++) {
    for (let at = 0; at < flows; ) {
      const from = (first + at) * MMSGHDR_SIZE
      const count = Math.min(BATCH, flows - at)
      const sent: number = sendmmsg(handle, headers.subarray(from, from + count * MMSGHDR_SIZE), count, MSG_DONTWAIT)
      calls++
      // Our part of the queue is full: the router is behind, which is how it should be.
      if (sent < count) refused++
      if (sent > 0) at += sent
    }
  }
  const packets = flows * passes
  let endMs = performance.now()
  let arrived = received(far) - before
  while (!silent && arrived < packets && performance.now() - endMs < PATIENCE_MS) {
    const now = received(far) - before
    if (now > arrived) endMs = performance.now()
    arrived = now
  }
  return {arrived, elapsedMs: endMs - beganMs, calls, refused}
}

for (const [round, order] of plan.rounds.entries()) {
  const slices = order.map((): Slice[] => [])
  // All routers in turn, slice by slice: what slows the machine for a second slows all of them.
  for (let slice = 0; slice < plan.slices; slice++) {
    for (const [at, router] of order.entries()) {
      slices[at]!.push(sendSlice(routers[router]!, round, plan.packetsOfFlow / plan.slices))
    }
  }
  for (const [at, router] of order.entries()) {
    const sum = (part: keyof Slice): number => slices[at]!.reduce((total, slice) => total + slice[part], 0)
    const line: SentRound = {
      router,
      packets: routers[router]!.flows * plan.packetsOfFlow,
      arrived: sum('arrived'),
      elapsedMs: sum('elapsedMs'),
      waiting: sum('refused') / sum('calls'),
    }
    console.log(JSON.stringify(line))
  }
}
