import {formatMessage, type NetlinkMessage, parseError, parseMessages, RawNetlinkSocket} from 'netlink'
import {StepFailure} from '../failure.ts'
import {attribute} from '../netlink/attributes.ts'
import {type BulkSend, createBulkSend} from './bulk-send.ts'
import type {BatchMessage} from './element-batch.ts'

const NETLINK_NETFILTER = 12
const NFTABLES_SUBSYSTEM = 10
const BATCH_BEGIN = 0x10
const BATCH_END = 0x11
const REQUEST = 1
const ACK = 4
const ERROR = 2
const TIMEOUT_MS = 5000
/** Longer transactions, of some ten thousand elements, would hold up the event loop while the kernel works on them. */
const MOST_AT_ONCE = 200_000

/** Sends transactions to nf_tables. */
export interface BatchSocket {
  /**
   * All messages as one transaction on top of a commit (null: of whichever is the last). 0 when it is in force, else the
   * kernel's errno (negative), also when the last commit was another one, and nothing has changed. Throws StepFailure
   * when no answer comes.
   */
  commit(messages: readonly BatchMessage[], onTopOf: number | null): Promise<number>
  close(): void
}

export function createBatchSocket(): BatchSocket {
  const socket = new RawNetlinkSocket(NETLINK_NETFILTER, {recvBufferSize: 1 << 20, sendBufferSize: 1 << 23})
  socket.unref()
  const sendLong = createBulkSend()
  let seq = 1
  let waiting: ((message: NetlinkMessage) => void) | null = null
  socket.on('message', (bytes) => {
    for (const message of parseMessages(bytes)) waiting?.(message)
  })

  const answer = (first: number, last: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        socket.unref()
        waiting = null
      }
      const timer = setTimeout(() => {
        end()
        reject(new StepFailure('timeout', 'the kernel does not answer a transaction'))
      }, TIMEOUT_MS)
      socket.ref()
      waiting = (message) => {
        const errno = outcomeOf(message, first, last)
        if (errno === null) return
        end()
        resolve(errno)
      }
    })

  return {
    async commit(messages, onTopOf) {
      if (messages.length === 0) return 0
      const first = seq
      const isLong = messages.reduce((length, {data}) => length + data.length, 0) > MOST_AT_ONCE
      const generation = Buffer.alloc(4)
      generation.writeUInt32BE(onTopOf ?? 0)
      const frame = Buffer.of(0, 0, 0, NFTABLES_SUBSYSTEM)
      const {port} = socket.address()
      const format = ({type, flags, data}: BatchMessage): Buffer =>
        Buffer.concat(formatMessage({type, flags: flags | REQUEST, seq: seq++, port, data}))
      const begin = format({
        type: BATCH_BEGIN,
        flags: 0,
        data: onTopOf === null ? frame : Buffer.concat([frame, attribute(1, generation)]),
      })
      const body = messages.map((message, index) =>
        format(index === messages.length - 1 ? {...message, flags: message.flags | ACK} : message),
      )
      const last = seq - 1
      const bytes = Buffer.concat([begin, ...body, format({type: BATCH_END, flags: 0, data: frame})])
      if (isLong && sendLong) return await answerToLong(sendLong, bytes, first, last)
      const done = answer(first, last)
      socket.send(bytes, {}, (error) => error && waiting?.(refusal(last, error.errno)))
      return done
    },
    close: () => socket.close(),
  }
}

/** What a message says of a transaction; null: nothing. */
function outcomeOf(message: NetlinkMessage, first: number, last: number): number | null {
  if (message.type !== ERROR || message.seq < first || message.seq > last) return null
  const {errno} = parseError(message.data, message.flags)
  // Errors come in the order of the messages, and the acknowledgement of the last one after all of them.
  return errno === 0 && message.seq !== last ? null : errno
}

async function answerToLong(send: BulkSend, bytes: Buffer, first: number, last: number): Promise<number> {
  let outcome = 0
  await send(bytes, (answer) => {
    for (const message of parseMessages(answer)) {
      const errno = outcomeOf(message, first, last)
      if (errno === null) continue
      outcome = errno
      return true
    }
    return false
  })
  return outcome
}

/** As if the kernel had answered what the system call did. */
function refusal(seq: number, errno: number): NetlinkMessage {
  const data = Buffer.alloc(20)
  data.writeInt32LE(-Math.abs(errno))
  return {type: ERROR, flags: 0, seq, port: 0, data}
}
