import {formatAttribute, getPadding, parseAttributes} from 'netlink'

/** One netlink attribute, padded: the library's `formatAttribute` leaves that to its caller. */
export function attribute(type: number, data: Uint8Array): Buffer {
  return Buffer.concat([...formatAttribute({type, data}), getPadding(data.length)])
}

/** An attribute of attributes, with the flag that strict families (WireGuard's) insist on. */
export function nested(type: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(formatAttribute({type, data: Buffer.concat(parts), nested: true}))
}

/** The attributes of a message or of a nested one; of several with one number the last. */
export function attributesOf(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  parseAttributes(bytes, ({type, data}) => found.set(type, data))
  return found
}

/** The members of a list, which some families number from 0, some from 1 and WireGuard not at all. */
export function members(list: Buffer | undefined): Map<number, Buffer>[] {
  const found: Map<number, Buffer>[] = []
  if (list) parseAttributes(list, ({data}) => found.push(attributesOf(data)))
  return found
}

/** Host order, as netlink's own numbers are. */
export const u8 = (value: number): Buffer => Buffer.of(value)
export const u16 = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer)
export const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer)
/** Network order, as what comes from packets is. */
export const u16be = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff)
export const text = (value: string): Buffer => Buffer.from(`${value}\0`)

export function textOf(bytes: Buffer | undefined): string {
  if (!bytes) return ''
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}
