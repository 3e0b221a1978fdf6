import {createNetlink, formatMessage, parseError, parseMessages, RawNetlinkSocket} from 'netlink'

const NETFILTER = 12
const NFTABLES = 10 << 8
const NEW_ELEMENTS = NFTABLES | 12
const GET_ELEMENTS = NFTABLES | 13
const DELETE_ELEMENTS = NFTABLES | 14
const DUMP = 0x300
const REQUEST_WITH_ACK = 5
const ERROR = 2
/** So many answers have room in a socket. */
const ASKED_AT_ONCE = 100
const FAMILY_INET = 1
/** `NFNLGRP_NFTABLES`. */
const CHANGES = 7
const TABLE = 'isthmus'
export const CLASSES = 'class4'
/** Elements of these are what was judged, and of the rules that count it, written anew at each reading: nobody's plan. */
const JUDGED = /^judged|^__/

const align = (length: number): number => (length + 3) & ~3

function attribute(type: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(align(data.length + 4))
  bytes.writeUInt16LE(data.length + 4, 0)
  bytes.writeUInt16LE(type, 2)
  data.copy(bytes, 4)
  return bytes
}

const place = (set: string): Buffer =>
  Buffer.concat([
    Buffer.of(FAMILY_INET, 0, 0, 0),
    attribute(1, Buffer.from(`${TABLE}\0`)),
    attribute(2, Buffer.from(`${set}\0`)),
  ])

/** Content of the attribute of a type; null where there is none. */
function find(data: Buffer, from: number, to: number, type: number): readonly [number, number] | null {
  for (let at = from; at + 4 <= to; at += align(Math.max(4, data.readUInt16LE(at)))) {
    if ((data.readUInt16LE(at + 2) & 0x3fff) === type) return [at + 4, at + data.readUInt16LE(at)]
  }
  return null
}

const keyOf = (address: string): Buffer => attribute(1, attribute(1, Buffer.from(address.split('.').map(Number))))

const addressAt = (data: Buffer, at: number): string => `${data[at]}.${data[at + 1]}.${data[at + 2]}.${data[at + 3]}`

/** Elements of a message of nf_tables, as far as their keys are IPv4 addresses: address, and value where there is one. */
function* elementsOf(data: Buffer): Generator<readonly [string, number]> {
  const list = find(data, 4, data.length, 3)
  if (!list) return
  for (let at = list[0]; at + 4 <= list[1]; at += align(Math.max(4, data.readUInt16LE(at)))) {
    const end = at + data.readUInt16LE(at)
    const key = find(data, at + 4, end, 1)
    if (!key) continue
    const value = find(data, at + 4, end, 2)
    yield [addressAt(data, key[0] + 4), value ? data.readUInt32LE(value[0] + 4) : 0]
  }
}

/** What the kernel holds of the gateway's table, asked and heard by netlink itself: `nft` would read a million elements first. */
export interface KernelTable {
  /** Whether the map of classes holds an address. */
  holds(address: string): Promise<boolean>
  /** Of these alone, each asked for: where all there is are a million, the kernel walks to the next thousand for minutes. */
  classesOf(addresses: readonly string[]): Promise<Map<string, number>>
  /** Address → number of its class: all there is. */
  classes(): Promise<Map<string, number>>
  /** Begins to hear of changes: while a million come at once, the kernel would drop some. */
  hear(onChange: (what: string) => void): void
  /** Elements that were heard to come or go, without what was judged. */
  writes(): number
  close(): void
}

export function createKernelTable(): KernelTable {
  const asking = createNetlink(NETFILTER, {recvBufferSize: 1 << 20, sendBufferSize: 1 << 16})
  let hearing: RawNetlinkSocket | null = null
  let writes = 0
  const heard = (bytes: Buffer, onChange: (what: string) => void): void => {
    for (let at = 0; at + 16 <= bytes.length; at += align(Math.max(16, bytes.readUInt32LE(at)))) {
      const type = bytes.readUInt16LE(at + 4)
      if (type !== NEW_ELEMENTS && type !== DELETE_ELEMENTS) continue
      const data = bytes.subarray(at + 16, at + bytes.readUInt32LE(at))
      const name = find(data, 4, data.length, 2)
      const set = name ? data.toString('latin1', name[0], name[1] - 1) : ''
      if (JUDGED.test(set)) continue
      writes++
      if (set !== CLASSES) continue
      const what = type === NEW_ELEMENTS ? 'add' : 'delete'
      for (const [address] of elementsOf(data)) onChange(`${what} ${address}`)
    }
  }
  return {
    hear(onChange) {
      hearing = new RawNetlinkSocket(NETFILTER, {recvBufferSize: 1 << 22, sendBufferSize: 1 << 16})
      hearing.on('error', (error) => console.error(`kernel notifications: ${error.message}`))
      hearing.on('message', (bytes) => heard(bytes, onChange))
      hearing.addMembership(CHANGES)
    },
    async holds(address) {
      const list = attribute(3, attribute(1, keyOf(address)))
      try {
        await asking.request(GET_ELEMENTS, Buffer.concat([place(CLASSES), list]), {timeout: 30_000})
        return true
      } catch {
        return false
      }
    },
    async classesOf(addresses) {
      const found = new Map<string, number>()
      const socket = new RawNetlinkSocket(NETFILTER, {recvBufferSize: 1 << 20, sendBufferSize: 1 << 16})
      let answered = Promise.withResolvers<void>()
      socket.on('message', (bytes) => {
        for (const {type, data, flags} of parseMessages(bytes)) {
          // The kernel's own word for one that is not there ends the request; who asks sees what is missing.
          if (type === ERROR) answered.resolve(void parseError(data, flags))
          else for (const [address, number] of elementsOf(data)) found.set(address, number)
        }
      })
      for (let first = 0; first < addresses.length; first += ASKED_AT_ONCE) {
        answered = Promise.withResolvers<void>()
        const keys = addresses.slice(first, first + ASKED_AT_ONCE).map((address) => attribute(1, keyOf(address)))
        const data = Buffer.concat([place(CLASSES), attribute(3, Buffer.concat(keys))])
        const {port} = socket.address()
        const message = {type: GET_ELEMENTS, flags: REQUEST_WITH_ACK, seq: first + 1, port, data}
        socket.send(Buffer.concat(formatMessage(message)), {}, (error) => error && answered.reject(error))
        await answered.promise
      }
      socket.close()
      return found
    },
    async classes() {
      const found = new Map<string, number>()
      const [parts] = await asking.request(GET_ELEMENTS, place(CLASSES), {flags: DUMP, timeout: 300_000})
      for (const {data} of parts) for (const [address, number] of elementsOf(data)) found.set(address, number)
      return found
    },
    writes: () => writes,
    close() {
      asking.close()
      hearing?.close()
    },
  }
}
