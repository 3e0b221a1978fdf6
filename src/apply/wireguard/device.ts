import {createPrivateKey, createPublicKey} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import type {ActualWireguard, WireguardSpec} from '../../model/index.ts'
import {
  type Address,
  addressFromNumber,
  addressNumber,
  type Family,
  familyOf,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from '../../net/index.ts'
import {failureOf, StepFailure} from '../failure.ts'
import {attribute, attributesOf, members, nested, text, u8, u16, u32} from '../netlink/attributes.ts'

const AF: Readonly<Record<Family, number>> = {4: 2, 6: 10}
const KEY_BYTES = 32
/** linux/wireguard.h: attributes of a device, a peer and an allowed address; a peer's flags. */
const DEVICE = {ifname: 2, privateKey: 3, publicKey: 4, listenPort: 6, peers: 8} as const
const PEER = {publicKey: 1, flags: 3, endpoint: 4, keepalive: 5, allowedIps: 9} as const
const ALLOWED = {family: 1, address: 2, length: 3} as const
const FLAG = {removeMe: 1, replaceAllowedIps: 2} as const
/** What stands before the 32 bytes of an X25519 private key in PKCS #8 (RFC 8410). */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** A private key, from a file as `wg genkey` writes it. Never part of a message. */
export async function readPrivateKey(file: string): Promise<Buffer> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw failureOf(error)
  }
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== KEY_BYTES) throw new StepFailure('refused', `${file} holds no WireGuard key`)
  return key
}

/** The public key of a private one, in base64. */
export function publicKeyOf(privateKey: Buffer): string {
  const key = createPrivateKey({key: Buffer.concat([PKCS8_X25519, privateKey]), format: 'der', type: 'pkcs8'})
  return createPublicKey(key).export({format: 'der', type: 'spki'}).subarray(-KEY_BYTES).toString('base64')
}

/**
 * The WG_CMD_SET_DEVICE that makes `held` into `spec` in place: a peer that stays keeps its session, since it is updated
 * and not replaced. An endpoint that the plan leaves open is left to the kernel, which learns it. `privateKey` null: the
 * key is in force.
 *
 * Written and read by hand: the library (netlink 0.3.0) leaves out the flag of nested attributes, which the kernel
 * insists on, and wants lists numbered from 1, where the kernel gives every member the number 0.
 */
export function deviceChange(spec: WireguardSpec, held: ActualWireguard, privateKey: Buffer | null): Buffer {
  const {publicKey, allowedIps, keepaliveSeconds} = spec.peer
  const endpoint = isLearnt(spec, held) ? null : spec.peer.endpoint
  const strangers = held.peers.filter((peer) => peer.publicKey !== publicKey)
  const allowed = allowedIps.map((prefix) =>
    nested(
      0,
      attribute(ALLOWED.family, u16(AF[prefixFamily(prefix)])),
      attribute(ALLOWED.address, addressBytes(prefixAddress(prefix))),
      attribute(ALLOWED.length, u8(prefixLength(prefix))),
    ),
  )
  return Buffer.concat([
    attribute(DEVICE.ifname, text(spec.device)),
    ...(privateKey ? [attribute(DEVICE.privateKey, privateKey)] : []),
    attribute(DEVICE.listenPort, u16(spec.listenPort)),
    nested(
      DEVICE.peers,
      ...strangers.map((peer) =>
        nested(0, attribute(PEER.publicKey, keyBytes(peer.publicKey)), attribute(PEER.flags, u32(FLAG.removeMe))),
      ),
      nested(
        0,
        attribute(PEER.publicKey, keyBytes(publicKey)),
        attribute(PEER.flags, u32(FLAG.replaceAllowedIps)),
        ...(endpoint ? [attribute(PEER.endpoint, sockaddr(endpoint.address, endpoint.port))] : []),
        attribute(PEER.keepalive, u16(keepaliveSeconds)),
        nested(PEER.allowedIps, ...allowed),
      ),
    ),
  ])
}

/** The port that a NAT has given the peer is not put back when something else is changed. */
function isLearnt({peer: {publicKey, endpoint, portMayDiffer}}: WireguardSpec, {peers}: ActualWireguard): boolean {
  const held = peers.find((peer) => peer.publicKey === publicKey)?.endpoint
  if (!portMayDiffer || !endpoint || !held) return false
  return held.startsWith(endpointText(sockaddr(endpoint.address, 0))!.slice(0, -1))
}

/**
 * Decodes the answer to WG_CMD_GET_DEVICE. A device with many allowed addresses comes in several messages; a peer that
 * goes on repeats its key.
 */
export function actualDevice(device: string, messages: readonly Buffer[]): ActualWireguard {
  const peers = new Map<string, {endpoint: string | null; allowedIps: string[]; keepaliveSeconds: number}>()
  let own: string | null = null
  let listenPort = 0
  for (const message of messages) {
    const attributes = attributesOf(message)
    const publicKey = attributes.get(DEVICE.publicKey)
    if (publicKey?.some((byte) => byte !== 0)) own = publicKey.toString('base64')
    listenPort = attributes.get(DEVICE.listenPort)?.readUInt16LE() ?? listenPort
    for (const peer of members(attributes.get(DEVICE.peers))) {
      const key = peer.get(PEER.publicKey)?.toString('base64') ?? ''
      const known = peers.get(key) ?? {endpoint: null, allowedIps: [], keepaliveSeconds: 0}
      const endpoint = peer.get(PEER.endpoint)
      peers.set(key, {
        endpoint: endpoint ? endpointText(endpoint) : known.endpoint,
        keepaliveSeconds: peer.get(PEER.keepalive)?.readUInt16LE() ?? known.keepaliveSeconds,
        allowedIps: [...known.allowedIps, ...members(peer.get(PEER.allowedIps)).flatMap(allowedIp)],
      })
    }
  }
  return {device, publicKey: own, listenPort, peers: [...peers].map(([publicKey, rest]) => ({publicKey, ...rest}))}
}

function allowedIp(attributes: ReadonlyMap<number, Buffer>): Prefix[] {
  const address = attributes.get(ALLOWED.address)
  const length = attributes.get(ALLOWED.length)
  return address && length ? [`${addressOf(address)}/${length.readUInt8()}` as Prefix] : []
}

/** What WG_CMD_GET_DEVICE is asked with. */
export const deviceNamed = (name: string): Buffer => attribute(DEVICE.ifname, text(name))

const keyBytes = (base64: string): Buffer => Buffer.from(base64, 'base64')

function addressBytes(address: Address): Buffer {
  return Buffer.from(
    addressNumber(address)
      .toString(16)
      .padStart(familyOf(address) === 4 ? 8 : 32, '0'),
    'hex',
  )
}

function addressOf(bytes: Buffer): Address {
  return addressFromNumber(BigInt(`0x${bytes.toString('hex')}`), bytes.length === 4 ? 4 : 6)
}

/** struct sockaddr_in or sockaddr_in6 */
export function sockaddr(address: Address, port: number): Buffer {
  const family = familyOf(address)
  const bytes = Buffer.alloc(family === 4 ? 16 : 28)
  bytes.set(u16(AF[family]), 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(addressBytes(address), family === 4 ? 4 : 8)
  return bytes
}

/** `192.0.2.1:51820` or `[2001:db8::1]:51820`. */
export function endpointText(bytes: Buffer): string | null {
  if (bytes.length < 16) return null
  const port = bytes.readUInt16BE(2)
  if (bytes.length < 28) return `${addressOf(bytes.subarray(4, 8))}:${port}`
  return `[${addressOf(bytes.subarray(8, 24))}]:${port}`
}
