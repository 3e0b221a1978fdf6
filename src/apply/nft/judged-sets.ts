import {createNetlink} from 'netlink'
import {type JudgedElement, type JudgedLetter, judgedChains, judgedSets, ruleHash} from '../../model/index.ts'
import {StepFailure} from '../failure.ts'
import {createRequestQueue} from '../netlink/request-queue.ts'
import {type BatchMessage, deleteKeys, place} from './element-batch.ts'
import {FAMILY} from './generation.ts'
import {NFTABLES} from './netfilter.ts'

const NETLINK_NETFILTER = 12
const GET_ELEMENTS = NFTABLES | 13
const DUMP = 0x300
/** The kernel walks a set from its start for each part of a dump, so a full one takes long on a busy machine. */
const DUMP_LIMIT_MS = 60_000

export const otherLetter = (letter: JudgedLetter): JudgedLetter => (letter === 'a' ? 'b' : 'a')

/** The chains that write a letter, under the comments of those that the plan has: to a diff they are the plan's. */
export function writeLetter(table: string, letter: JudgedLetter): string {
  const named = judgedChains('a')
  const lines = judgedChains(letter).flatMap(({name, rules}, chain) => [
    `flush chain ${FAMILY} ${table} ${name}`,
    ...rules.map(
      (rule, index) => `add rule ${FAMILY} ${table} ${name} ${rule} comment "${ruleHash(named[chain]!.rules[index]!)}"`,
    ),
  ])
  return `${lines.join('\n')}\n`
}

/** What the sets of a letter held, and how just that is taken out of them. */
export interface JudgedReading {
  readonly elements: readonly JudgedElement[]
  readonly removal: readonly BatchMessage[]
}

export interface JudgedReader {
  /** Changes nothing. Empty where there are no such sets; throws StepFailure. */
  read(table: string, letter: JudgedLetter): Promise<JudgedReading>
  close(): void
}

/** On a socket of its own: a dump must not keep the short questions waiting. */
export function createJudgedReader(): JudgedReader {
  const socket = createNetlink(NETLINK_NETFILTER, {recvBufferSize: 1 << 20, sendBufferSize: 1 << 16})
  const ask = createRequestQueue(socket, DUMP_LIMIT_MS)
  return {
    async read(table, letter) {
      const elements: JudgedElement[] = []
      const removal: BatchMessage[] = []
      for (const set of judgedSets(letter)) {
        const found = await dump(table, set.name)
        for (const {key, packets, bytes} of found.values()) {
          const port = set.hasPort ? key.readUInt16BE(12) : null
          elements.push({...endsOf(key), port, fresh: set.fresh, packets, bytes})
        }
        const keys = [...found.values()].map(({key}) => key)
        removal.push(...deleteKeys(table, set.name, keys))
      }
      return {elements, removal}
    },
    close: () => socket.close(),
  }

  /** By key: where the kernel's hash table grows meanwhile, an element may come twice (or not: then it stays there). */
  async function dump(table: string, set: string): Promise<Map<string, FoundElement>> {
    const found = new Map<string, FoundElement>()
    try {
      for (const {data} of await ask(GET_ELEMENTS, place(table, set), DUMP)) readElements(data, found)
    } catch (error) {
      if (!(error instanceof StepFailure && error.code === 'missing')) throw error
    }
    return found
  }
}

interface FoundElement {
  readonly key: Buffer
  readonly packets: number
  readonly bytes: number
}

/**
 * One part of a dump, by hand: tens of thousands of elements are a second's work for the general parser, and nothing else
 * runs meanwhile. A counter is the element's only expression, or in a list of them, which newer kernels may make of it.
 */
function readElements(data: Buffer, found: Map<string, FoundElement>): void {
  const [list, listEnd] = find(data, 4, data.length, 3)
  for (let at = list; at < listEnd; at = after(data, at)) {
    const end = at + data.readUInt16LE(at)
    const [key, keyEnd] = inside(data, at + 4, end, [1, 1])
    if (key === keyEnd) continue
    const [counter, counterEnd] = inside(data, at + 4, end, has(data, at + 4, end, 7) ? [7, 2] : [11, 1, 2])
    const count = (type: number): number => {
      const [value, valueEnd] = find(data, counter, counterEnd, type)
      return value === valueEnd ? 0 : data.readUInt32BE(value) * 2 ** 32 + data.readUInt32BE(value + 4)
    }
    found.set(data.toString('latin1', key, keyEnd), {
      key: data.subarray(key, keyEnd),
      packets: count(2),
      bytes: count(1),
    })
  }
}

type Range = readonly [start: number, end: number]

/** Attributes are aligned to four bytes. */
const after = (data: Buffer, at: number): number => at + ((Math.max(data.readUInt16LE(at), 4) + 3) & ~3)

/** Where the content of an attribute of this type is; of no length where there is none. */
function find(data: Buffer, from: number, to: number, type: number): Range {
  for (let at = from; at + 4 <= to; at = after(data, at)) {
    if ((data.readUInt16LE(at + 2) & 0x3fff) === type) return [at + 4, at + data.readUInt16LE(at)]
  }
  return [to, to]
}

const has = (data: Buffer, from: number, to: number, type: number): boolean => find(data, from, to, type)[0] < to

const inside = (data: Buffer, from: number, to: number, path: readonly number[]): Range =>
  path.reduce<Range>(([start, end], type) => find(data, start, end, type), [from, to])

/** Registers of four bytes: numbers in host order, the protocol in the first byte. */
const endsOf = (key: Buffer): Pick<JudgedElement, 'source' | 'destination' | 'protocol'> => ({
  source: key.readUInt32LE(0),
  destination: key.readUInt32LE(4),
  protocol: key[8]!,
})
