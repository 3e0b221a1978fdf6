import {createPrivateKey, createPublicKey} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import type {wg} from 'netlink'
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

const AF: Readonly<Record<Family, number>> = {4: 2, 6: 10}
const KEY_BYTES = 32
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
 * What makes `held` into `spec` in place: a peer that stays keeps its session, since it is updated and not replaced. An
 * endpoint that the plan leaves open is left to the kernel, which learns it. `privateKey` null: the key is in force.
 */
export function deviceChange(spec: WireguardSpec, held: ActualWireguard, privateKey: Buffer | null): wg.Device {
  const {publicKey, endpoint, allowedIps, keepaliveSeconds} = spec.peer
  const strangers = held.peers.filter((peer) => peer.publicKey !== publicKey)
  return {
    ...(privateKey ? {privateKey} : {}),
    listenPort: spec.listenPort,
    peers: [
      ...strangers.map((peer): wg.Peer => ({publicKey: keyBytes(peer.publicKey), flags: {removeMe: true}})),
      {
        publicKey: keyBytes(publicKey),
        flags: {replaceAllowedIps: true},
        ...(endpoint ? {endpoint: sockaddr(endpoint.address, endpoint.port)} : {}),
        persistentKeepaliveInterval: keepaliveSeconds,
        allowedIps: allowedIps.map((prefix) => ({
          family: AF[prefixFamily(prefix)],
          ipaddr: addressBytes(prefixAddress(prefix)),
          cidrMask: prefixLength(prefix),
        })),
      },
    ],
  }
}

/** A device with many allowed addresses comes in several messages; a peer that goes on repeats its key. */
export function actualDevice(device: string, messages: readonly wg.Device[]): ActualWireguard {
  const peers = new Map<string, {endpoint: string | null; allowedIps: string[]; keepaliveSeconds: number}>()
  let own: string | null = null
  let listenPort = 0
  for (const message of messages) {
    if (message.publicKey?.some((byte) => byte !== 0)) own = message.publicKey.toString('base64')
    listenPort = message.listenPort ?? listenPort
    for (const peer of message.peers ?? []) {
      const key = peer.publicKey?.toString('base64') ?? ''
      const known = peers.get(key) ?? {endpoint: null, allowedIps: [], keepaliveSeconds: 0}
      peers.set(key, {
        endpoint: peer.endpoint ? endpointText(peer.endpoint) : known.endpoint,
        keepaliveSeconds: peer.persistentKeepaliveInterval ?? known.keepaliveSeconds,
        allowedIps: [...known.allowedIps, ...(peer.allowedIps ?? []).flatMap(allowedIp)],
      })
    }
  }
  return {device, publicKey: own, listenPort, peers: [...peers].map(([publicKey, rest]) => ({publicKey, ...rest}))}
}

function allowedIp({ipaddr, cidrMask}: wg.AllowedIp): Prefix[] {
  if (!ipaddr || cidrMask === undefined) return []
  return [`${addressOf(ipaddr)}/${cidrMask}` as Prefix]
}

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
  bytes.set(Uint8Array.from(Buffer.from(Uint16Array.of(AF[family]).buffer)), 0)
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
