import type {FouPort} from '../../model/index.ts'
import {type Address, addressFromNumber, addressNumber, familyOf} from '../../net/index.ts'
import {attribute, attributesOf, u8, u16be} from '../netlink/attributes.ts'

/** linux/fou.h */
const FOU = {port: 1, family: 2, protocol: 3, type: 4, local4: 6} as const
const DIRECT = 1
const AF_INET = 2
const ANY = '0.0.0.0' as Address

/** What FOU_CMD_ADD makes and FOU_CMD_DEL takes away. */
export function fouMessage({local, port, protocol}: FouPort): Buffer {
  if (familyOf(local) !== 4) throw new Error(`no fou port at ${local}`)
  const address = Buffer.from(addressNumber(local).toString(16).padStart(8, '0'), 'hex')
  return Buffer.concat([
    attribute(FOU.port, u16be(port)),
    attribute(FOU.family, u8(AF_INET)),
    attribute(FOU.protocol, u8(protocol)),
    attribute(FOU.type, u8(DIRECT)),
    attribute(FOU.local4, address),
  ])
}

/** A port as FOU_CMD_GET tells of it; null for one that is of another kind (GUE, IPv6). */
export function parseFou(message: Buffer): FouPort | null {
  const found = attributesOf(message)
  const [port, protocol, address] = [found.get(FOU.port), found.get(FOU.protocol), found.get(FOU.local4)]
  if (!port || !protocol || found.get(FOU.family)?.readUInt8() !== AF_INET) return null
  if ((found.get(FOU.type)?.readUInt8() ?? DIRECT) !== DIRECT) return null
  const local = address ? addressFromNumber(BigInt(address.readUInt32BE()), 4) : ANY
  return {local, port: port.readUInt16BE(), protocol: protocol.readUInt8()}
}
