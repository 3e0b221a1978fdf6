import assert from 'node:assert/strict'
import {type Facts, judgeFacts} from '../../../src/diagnose/index.ts'
import type {Encapsulation} from '../../../src/model/index.ts'
import type {Address} from '../../../src/net/index.ts'
import {innerMtu} from '../../../src/tunnels/mtu.ts'
import {HEALTHY, link, seen, way} from './healthy.ts'

const eth0 = (mtu: number): object =>
  HEALTHY.links.ok ? {...HEALTHY.links.value.find(({name}) => name === 'eth0')!, mtu} : {}

/** Whether a tunnel that is as large as is planned over 1,500 bytes is said to be too large over an uplink that carries so much. */
function isTooLarge(change: object, remote: string, mtu: number, under: number): boolean {
  const facts: Facts = {
    ...HEALTHY,
    links: seen([{...link, outerRemote: remote, ...change, mtu}, eth0(under) as typeof link]),
    underlay: seen([{...way, remote}]),
  }
  return judgeFacts(facts).some(({findings}) => findings.some(({code}) => code === 'tunnel-mtu-too-large'))
}

describe('whether packets of tunnels fit through the uplink', () => {
  for (const [encapsulation, remote, change] of [
    ['ipip', '192.0.2.2', {kind: 'ipip'}],
    ['ipip', '192.0.2.2', {kind: 'sit'}],
    ['ipip', '2001:db8::2', {kind: 'ip6tnl'}],
    ['fou', '192.0.2.2', {kind: 'ipip', inUdp: true}],
    ['fou', '192.0.2.2', {kind: 'sit', inUdp: true}],
    ['vxlan', '192.0.2.2', {kind: 'vxlan'}],
    ['vxlan', '2001:db8::2', {kind: 'vxlan'}],
    ['wireguard', '192.0.2.2', {kind: 'wireguard', outerRemote: null}],
    ['wireguard', '2001:db8::2', {kind: 'wireguard', outerRemote: null}],
  ] as const satisfies readonly (readonly [Encapsulation, string, object])[]) {
    it(`${encapsulation} to ${remote} (${Object.values(change).join(' ')}): what is planned fits, and two bytes less do not carry it`, () => {
      const mtu = innerMtu(encapsulation, remote as Address, 1500)
      assert.equal(isTooLarge(change, remote, mtu, 1500), false)
      assert.equal(isTooLarge(change, remote, mtu, 1498), true)
    })
  }
})
