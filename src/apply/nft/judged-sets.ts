import {createNetlink} from 'netlink'
import {type JudgedElement, type JudgedLetter, judgedChains, judgedSets, ruleHash} from '../../model/index.ts'
import {StepFailure} from '../failure.ts'
import {attributesOf, members} from '../netlink/attributes.ts'
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
        for (const [key, counts] of found.values()) {
          elements.push({...endsOf(key), port: set.hasPort ? key.readUInt16BE(12) : null, fresh: set.fresh, ...counts})
        }
        removal.push(
          ...deleteKeys(
            table,
            set.name,
            [...found.values()].map(([key]) => key),
          ),
        )
      }
      return {elements, removal}
    },
    close: () => socket.close(),
  }

  /** By key: where the kernel's hash table grows meanwhile, an element may come twice (or not: then it stays there). */
  async function dump(table: string, set: string): Promise<Map<string, readonly [Buffer, Counts]>> {
    const found = new Map<string, readonly [Buffer, Counts]>()
    try {
      for (const {data} of await ask(GET_ELEMENTS, place(table, set), DUMP)) {
        for (const element of members(attributesOf(data.subarray(4)).get(3))) {
          const key = attributesOf(element.get(1) ?? Buffer.alloc(0)).get(1)
          if (key) found.set(key.toString('latin1'), [key, countsOf(element)])
        }
      }
    } catch (error) {
      if (!(error instanceof StepFailure && error.code === 'missing')) throw error
    }
    return found
  }
}

type Counts = Pick<JudgedElement, 'packets' | 'bytes'>

/** Registers of four bytes: numbers in host order, the protocol in the first byte. */
function endsOf(key: Buffer): Pick<JudgedElement, 'source' | 'destination' | 'protocol'> {
  return {source: key.readUInt32LE(0), destination: key.readUInt32LE(4), protocol: key[8]!}
}

/** The element's only expression, or the first of a list, which newer kernels may make of it. */
function countsOf(element: Map<number, Buffer>): Counts {
  const expression = element.has(7) ? attributesOf(element.get(7)!) : members(element.get(11))[0]
  const counter = attributesOf(expression?.get(2) ?? Buffer.alloc(0))
  const count = (type: number) => Number(counter.get(type)?.readBigUInt64BE() ?? 0n)
  return {packets: count(2), bytes: count(1)}
}
