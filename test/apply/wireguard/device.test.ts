import assert from 'node:assert/strict'
import {attribute, attributesOf, members, nested} from '../../../src/apply/netlink/attributes.ts'
import {actualDevice, deviceChange, endpointText, publicKeyOf, sockaddr} from '../../../src/apply/wireguard/device.ts'
import type {ActualWireguard, WgPublicKey, WireguardSpec} from '../../../src/model/index.ts'
import {parseAddress, parsePrefix} from '../../../src/net/index.ts'

const KEY = Buffer.alloc(32, 1)
const PEER = Buffer.alloc(32, 2).toString('base64') as WgPublicKey
const SPEC: WireguardSpec = {
  device: 'is-c-1',
  keyFile: '/nowhere',
  publicKey: PEER,
  listenPort: 51820,
  peer: {
    publicKey: PEER,
    endpoint: null,
    allowedIps: [parsePrefix('0.0.0.0/0')!, parsePrefix('::/0')!],
    keepaliveSeconds: 25,
  },
}
const held = (...keys: string[]): ActualWireguard => ({
  device: SPEC.device,
  publicKey: PEER,
  listenPort: 1,
  peers: keys.map((publicKey) => ({publicKey, endpoint: null, allowedIps: [], keepaliveSeconds: 0})),
})

describe('wireguard device', () => {
  it('derives the public key of RFC 7748, 6.1', () => {
    const bob = Buffer.from('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb', 'hex')
    const expected = 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'
    assert.equal(Buffer.from(publicKeyOf(bob), 'base64').toString('hex'), expected)
  })

  for (const text of ['192.0.2.1', '2001:db8::1']) {
    it(`writes and reads an endpoint at ${text}`, () => {
      const shown = text.includes(':') ? `[${text}]:51820` : `${text}:51820`
      assert.equal(endpointText(sockaddr(parseAddress(text)!, 51820)), shown)
    })
  }

  const peersOf = (change: Buffer) => members(attributesOf(change).get(8))

  it('updates a peer that stays and removes strangers', () => {
    const stranger = Buffer.alloc(32, 9).toString('base64')
    assert.deepEqual(
      peersOf(deviceChange(SPEC, held(stranger, PEER), null)).map((peer) => [
        peer.get(1)!.toString('base64'),
        peer.get(3)!.readUInt32LE(),
      ]),
      [
        [stranger, 1],
        [PEER, 2],
      ],
    )
  })

  it('sends the private key only when it is not in force, and no endpoint when the plan leaves it open', () => {
    assert.equal(attributesOf(deviceChange(SPEC, held(), null)).get(3), undefined)
    assert.deepEqual(attributesOf(deviceChange(SPEC, held(), KEY)).get(3), KEY)
    assert.equal(peersOf(deviceChange(SPEC, held(), KEY))[0]!.get(4), undefined)
  })

  it('leaves the port that a NAT has given the peer, and sets what is at another address', () => {
    const endpoint = {address: parseAddress('192.0.2.1')!, port: 51820}
    const spec: WireguardSpec = {...SPEC, peer: {...SPEC.peer, endpoint, portMayDiffer: true}}
    const peer = {publicKey: PEER, allowedIps: [], keepaliveSeconds: 0}
    const set = (held: string | null): boolean => {
      const device = {device: SPEC.device, publicKey: PEER, listenPort: 1, peers: [{...peer, endpoint: held}]}
      return peersOf(deviceChange(spec, device, null))[0]!.has(4)
    }
    assert.deepEqual(['192.0.2.1:4000', '192.0.2.10:51820', null].map(set), [false, true, true])
  })

  it('joins a peer that comes in several messages', () => {
    const key = attribute(1, Buffer.from(PEER, 'base64'))
    // The kernel numbers members of lists 0, all of them.
    const allowed = (...lasts: number[]) =>
      nested(9, ...lasts.map((last) => nested(0, attribute(2, Buffer.of(10, 0, 0, last)), attribute(3, Buffer.of(32)))))
    const endpoint = attribute(4, sockaddr(parseAddress('192.0.2.1')!, 7))
    const first = nested(8, nested(0, key, endpoint, attribute(5, Buffer.of(25, 0)), allowed(1, 3)))
    const second = nested(8, nested(0, key, allowed(2)))
    const device = actualDevice('is-c-1', [
      Buffer.concat([attribute(4, KEY), attribute(6, Buffer.of(5, 0)), first]),
      second,
    ])
    assert.deepEqual(device, {
      device: 'is-c-1',
      publicKey: KEY.toString('base64'),
      listenPort: 5,
      peers: [
        {
          publicKey: PEER,
          endpoint: '192.0.2.1:7',
          allowedIps: ['10.0.0.1/32', '10.0.0.3/32', '10.0.0.2/32'],
          keepaliveSeconds: 25,
        },
      ],
    })
  })

  it('takes a key of nothing but zeros for none', () => {
    assert.equal(actualDevice('is-c-1', [attribute(4, Buffer.alloc(32))]).publicKey, null)
  })
})
