// Runs in a pod's namespace: answers on its ports, and talks to other pods when the lab asks. `agent.ts ADDRESS PORT…`
import {createSocket, type Socket as UdpSocket} from 'node:dgram'
import {readFileSync} from 'node:fs'
import {connect, createServer, type Socket} from 'node:net'
import {createInterface} from 'node:readline'
import {
  type Connected,
  type Flows,
  type Received,
  type Request,
  type Sent,
  TRAFFIC_PORT,
  type Tries,
} from './protocol.ts'

const isIpv6 = (to: string): boolean => to.includes(':')
const [address, ...ports] = process.argv.slice(2)
// An emulated CPU makes everybody slow; what stands still longer than this is broken anywhere.
const FLOW_PATIENCE_MS = process.env.ISTHMUS_ENVIRONMENT === 'tcg' ? 30_000 : 3000
const OPEN_TIMEOUT_MS = process.env.ISTHMUS_ENVIRONMENT === 'tcg' ? 10_000 : 1000

for (const port of ports) {
  // Tells the client what address it came from, which is how a translated address is seen.
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(`${socket.remoteAddress?.replace('::ffff:', '')}\n`)
  })
  server.listen(Number(port))
}
createServer((socket) => {
  socket.on('error', () => socket.destroy())
  socket.pipe(socket)
}).listen(TRAFFIC_PORT)

/** Where a datagram says that it wants an answer, behind its number. */
const ANSWER_AT = 4

// What arrived since the lab last said to forget: the first packet of a new sequence may itself be lost.
let arrived = new Set<number>()
let lastArrival: number | null = null
let longestGapMs = 0
let overflowedBefore = 0
const receiver: UdpSocket = createSocket('udp4')
const note = (message: Buffer): void => {
  const sequence = message.readUInt32BE(0)
  const now = performance.now()
  if (lastArrival !== null) longestGapMs = Math.max(longestGapMs, now - lastArrival)
  lastArrival = now
  arrived.add(sequence)
}
receiver.on('message', (message, {address: from, port}) => {
  // What a scenario sends by itself has no number.
  if (message.length <= ANSWER_AT) return
  note(message)
  if (message[ANSWER_AT] === 1) receiver.send(message, port, from)
})
receiver.bind(TRAFFIC_PORT)

function connectOnce(to: string, port: number, timeoutMs: number): Promise<Connected> {
  return new Promise((resolve) => {
    const socket = connect({host: to, port, ...(isIpv6(to) ? {} : {localAddress: address!})})
    let text = ''
    const finish = (result: Connected): void => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(timeoutMs, () => finish({open: false, source: null, reason: 'no answer'}))
    socket.on('data', (data) => {
      text += data.toString()
    })
    socket.on('end', () => finish({open: true, source: text.trim(), reason: null}))
    socket.on('error', (error) => finish({open: false, source: null, reason: error.message}))
  })
}

let sending: NodeJS.Timeout | null = null
let sent = 0
const sender = createSocket('udp4')
sender.bind(0, address)
sender.on('message', note)

function startUdp(to: string, intervalMs: number, answered: boolean): void {
  sent = 0
  const began = performance.now()
  const tick = (): void => {
    // Catches up with the clock: timers are late under load, and a skipped number would look like a lost packet.
    const due = Math.floor((performance.now() - began) / intervalMs)
    while (sent <= due) {
      const message = Buffer.alloc(64)
      message.writeUInt32BE(sent++)
      message[ANSWER_AT] = answered ? 1 : 0
      sender.send(message, TRAFFIC_PORT, to)
    }
  }
  tick()
  // Not oftener than there is something to send: a thousand timers a second fill an emulated CPU.
  sending = setInterval(tick, Math.max(1, intervalMs / 4))
}

interface FlowState {
  readonly long: Socket
  readonly timer: NodeJS.Timeout
  readonly ticker: NodeJS.Timeout
  broken: number
  opened: number
  failed: number
  pending: number
}
let flows: FlowState | null = null

function startFlows(to: string, everyMs: number): void {
  const long = connect({host: to, port: TRAFFIC_PORT, localAddress: address!})
  long.setTimeout(FLOW_PATIENCE_MS)
  const state: FlowState = {
    long,
    broken: 0,
    opened: 0,
    failed: 0,
    pending: 0,
    ticker: setInterval(() => long.write('tick\n'), everyMs / 2.5),
    timer: setInterval(() => {
      state.pending++
      const socket = connect({host: to, port: TRAFFIC_PORT, localAddress: address!})
      const finish = (ok: boolean): void => {
        socket.destroy()
        state.pending--
        if (ok) state.opened++
        else state.failed++
      }
      socket.setTimeout(OPEN_TIMEOUT_MS, () => finish(false))
      socket.once('connect', () => finish(true))
      socket.once('error', () => finish(false))
    }, everyMs),
  }
  long.on('data', () => undefined)
  long.once('timeout', () => long.destroy(new Error('stood still')))
  long.once('error', () => {
    state.broken++
  })
  flows = state
}

async function stopFlows(): Promise<Flows> {
  const state = flows
  flows = null
  if (!state) return {broken: 0, opened: 0, failed: 0}
  clearInterval(state.timer)
  clearInterval(state.ticker)
  while (state.pending > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  state.long.destroy()
  return {broken: state.broken, opened: state.opened, failed: state.failed}
}

let tries: {
  readonly timer: NodeJS.Timeout
  readonly running: Set<Promise<void>>
  tried: number
  opened: number
} | null = null

/** One after the other in their beginnings, not in their ends: a refused one takes its whole time. */
function startTries(to: string, port: number, everyMs: number): void {
  const running = new Set<Promise<void>>()
  const timer = setInterval(() => {
    const one: Promise<void> = connectOnce(to, port, OPEN_TIMEOUT_MS).then(({open}) => {
      running.delete(one)
      if (!tries) return
      tries.tried++
      if (open) tries.opened++
    })
    running.add(one)
  }, everyMs)
  tries = {timer, running, tried: 0, opened: 0}
}

async function stopTries(): Promise<Tries> {
  if (!tries) return {tried: 0, opened: 0}
  clearInterval(tries.timer)
  await Promise.all(tries.running)
  const {tried, opened} = tries
  tries = null
  return {tried, opened}
}

/** The last column: what found a socket of this namespace full. */
const overflowed = (): number =>
  readFileSync('/proc/net/udp', 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/).at(-1)), 0)

function received(): Received {
  const ranges: [number, number][] = []
  for (const sequence of [...arrived].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last && last[1] === sequence - 1) last[1] = sequence
    else ranges.push([sequence, sequence])
  }
  return {ranges, longestGapMs: Math.round(longestGapMs), overflowed: overflowed() - overflowedBefore}
}

async function handle(request: Request): Promise<Connected | Sent | Received | Flows | Tries | object> {
  switch (request.do) {
    case 'connect':
      return connectOnce(request.to, request.port, request.timeoutMs)
    case 'udp-start':
      startUdp(request.to, request.intervalMs, request.answered)
      return {}
    case 'udp-stop':
      if (sending) clearInterval(sending)
      sending = null
      return {sent}
    case 'udp-received':
      return received()
    case 'udp-forget':
      arrived = new Set()
      lastArrival = null
      longestGapMs = 0
      overflowedBefore = overflowed()
      return {}
    case 'flows-start':
      startFlows(request.to, request.everyMs)
      return {}
    case 'flows-stop':
      return stopFlows()
    case 'tries-start':
      startTries(request.to, request.port, request.everyMs)
      return {}
    case 'tries-stop':
      return stopTries()
  }
}

const answer = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`)
createInterface({input: process.stdin}).on('line', (line) => {
  const request = JSON.parse(line) as Request
  handle(request).then(
    (result) => answer({id: request.id, result}),
    (error) => answer({id: request.id, error: String(error)}),
  )
})
process.stdin.on('end', () => process.exit(0))
answer({ready: true})
