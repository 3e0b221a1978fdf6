import {RULE_PROTOCOL, type SourceRule} from '../../model/index.ts'
import {familyOf} from '../../net/index.ts'
import {attribute, attributesOf, u8, u32} from './attributes.ts'
import {addressBytes, addressOf} from './messages.ts'
import {NetlinkFailure} from './request-queue.ts'
import {CREATE, EXCLUSIVE, type RouteSocket} from './socket.ts'

/** Rules by source, by rtnetlink. Ours are known by their protocol, a number for who made it that the kernel keeps. */
export const RTM_RULE = {new: 32, delete: 33, get: 34} as const
const FRA = {source: 2, priority: 6, table: 15, protocol: 21} as const
const AF = {4: 2, 6: 10} as const
const TO_TABLE = 1
const HEADER = 12

/** struct fib_rule_hdr */
function ruleMessage({source, table}: SourceRule): Buffer {
  const family = familyOf(source)
  const header = Buffer.alloc(HEADER)
  header[0] = AF[family]
  header[2] = family === 4 ? 32 : 128
  header[7] = TO_TABLE
  return Buffer.concat([
    header,
    attribute(FRA.source, addressBytes(source)),
    attribute(FRA.priority, u32(table)),
    attribute(FRA.table, u32(table)),
    attribute(FRA.protocol, u8(RULE_PROTOCOL)),
  ])
}

/** null: somebody else's, or nothing that we make. */
function parseRule(message: Buffer): SourceRule | null {
  const attributes = attributesOf(message.subarray(HEADER))
  if (attributes.get(FRA.protocol)?.readUInt8() !== RULE_PROTOCOL) return null
  const source = addressOf(attributes.get(FRA.source))
  const table = attributes.get(FRA.table)?.readUInt32LE() ?? 0
  return source && attributes.get(FRA.priority)?.readUInt32LE() === table ? {source, table} : null
}

export async function readRules(socket: RouteSocket): Promise<SourceRule[]> {
  const found = await socket.dump(RTM_RULE.get, Buffer.alloc(HEADER))
  return found.map(parseRule).filter((rule) => rule !== null)
}

export async function addRule(socket: RouteSocket, rule: SourceRule): Promise<void> {
  try {
    await socket.change(RTM_RULE.new, ruleMessage(rule), CREATE | EXCLUSIVE)
  } catch (error) {
    // The kernel compares the protocol too, so it is ours that is there.
    if (!(error instanceof NetlinkFailure) || error.code !== 'exists') throw error
  }
}

/** Only one with our protocol goes by this. */
export async function deleteRule(socket: RouteSocket, rule: SourceRule): Promise<void> {
  try {
    await socket.change(RTM_RULE.delete, ruleMessage(rule))
  } catch (error) {
    if (!(error instanceof NetlinkFailure) || error.code !== 'missing') throw error
  }
}

/** Whether a notification is of one of ours. */
export const tellsOfRule = (message: Buffer): boolean =>
  attributesOf(message.subarray(HEADER)).get(FRA.protocol)?.readUInt8() === RULE_PROTOCOL
