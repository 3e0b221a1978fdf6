import assert from 'node:assert/strict'
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

  it('updates a peer that stays and removes strangers', () => {
    const stranger = Buffer.alloc(32, 9).toString('base64')
    const {peers} = deviceChange(SPEC, held(stranger, PEER), null)
    assert.deepEqual(
      peers!.map(({publicKey, flags}) => [publicKey!.toString('base64'), flags]),
      [
        [stranger, {removeMe: true}],
        [PEER, {replaceAllowedIps: true}],
      ],
    )
  })

  it('sends the private key only when it is not in force, and no endpoint when the plan leaves it open', () => {
    assert.equal(deviceChange(SPEC, held(), null).privateKey, undefined)
    assert.equal(deviceChange(SPEC, held(), KEY).privateKey, KEY)
    assert.ok(!('endpoint' in deviceChange(SPEC, held(), KEY).peers![0]!))
  })

  it('joins a peer that comes in several messages', () => {
    const ip = (last: number) => ({family: 2, ipaddr: Buffer.of(10, 0, 0, last), cidrMask: 32})
    const publicKey = Buffer.from(PEER, 'base64')
    const endpoint = sockaddr(parseAddress('192.0.2.1')!, 7)
    const device = actualDevice('is-c-1', [
      {
        publicKey: KEY,
        listenPort: 5,
        peers: [{publicKey, endpoint, persistentKeepaliveInterval: 25, allowedIps: [ip(1)]}],
      },
      {peers: [{publicKey, allowedIps: [ip(2)]}]},
    ])
    assert.deepEqual(device, {
      device: 'is-c-1',
      publicKey: KEY.toString('base64'),
      listenPort: 5,
      peers: [
        {publicKey: PEER, endpoint: '192.0.2.1:7', allowedIps: ['10.0.0.1/32', '10.0.0.2/32'], keepaliveSeconds: 25},
      ],
    })
  })

  it('takes a key of nothing but zeros for none', () => {
    assert.equal(actualDevice('is-c-1', [{publicKey: Buffer.alloc(32)}]).publicKey, null)
  })
})
