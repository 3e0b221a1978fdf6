import assert from 'node:assert/strict'
import {bringsAll, sitesInChange} from '../../src/gateway/native-routes.ts'
import type {BirdRoute, Carrier, Encapsulation, UplinkPair} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'

type Told = Pick<BirdRoute, 'prefix' | 'protocol' | 'dest'>
const route = (prefix: string, protocol: string, dest: BirdRoute['dest'] = 'unicast'): Told => ({
  ...{prefix: prefix as Prefix, protocol, dest},
})

describe('what the WAN brings of a site', () => {
  const cases: readonly [name: string, routes: readonly Told[], isAll: boolean][] = [
    ['nothing of either', [], false],
    ['nothing, where the tunnel brings something', [route('10.2.0.0/26', 'tun_b_1')], false],
    ['the same', [route('10.2.0.0/26', 'tun_b_1'), route('10.2.0.0/26', 'wan_r1_1')], true],
    ['the whole', [route('10.2.0.0/26', 'tun_b_1'), route('10.2.0.0/16', 'wan_r1_1')], true],
    ['something, where there is no tunnel', [route('10.2.0.0/26', 'wan_r1_1')], true],
    [
      'one of two',
      [route('10.2.0.0/26', 'tun_b_1'), route('10.2.1.0/26', 'tun_b_2'), route('10.2.0.0/26', 'wan_r1_1')],
      false,
    ],
    ['a part of it', [route('10.2.0.0/26', 'tun_b_1'), route('10.2.0.0/27', 'wan_r1_1')], false],
    [
      'one that leads nowhere',
      [route('10.2.0.0/26', 'tun_b_1'), route('10.2.0.0/26', 'wan_r1_1', 'unreachable')],
      false,
    ],
    [
      'the twin’s, which is none of the WAN’s',
      [route('10.2.0.0/26', 'tun_b_1'), route('10.2.0.0/26', 'twin_a2')],
      false,
    ],
  ]
  for (const [name, routes, isAll] of cases)
    it(`${name}: ${isAll ? '' : 'not '}all`, () => assert.equal(bringsAll(routes), isAll))

  it('is asked while both ways stand beside each other, of each site once', () => {
    const of = (encapsulation: Encapsulation, slot: 0 | 1): Carrier => ({
      slot,
      serial: slot,
      encapsulation,
      phase: 'open',
    })
    const carriers = new Map<UplinkPair, readonly Carrier[]>([
      ['a/a1/wan b/b1/wan', [of('vxlan', 0), of('none', 1)]],
      ['a/a1/lte b/b1/wan', [of('none', 0), of('vxlan', 1)]],
      ['a/a1/wan c/c1/wan', [of('none', 0)]],
      ['a/a1/wan d/d1/wan', [of('wireguard', 0), of('wireguard', 1)]],
    ])
    assert.deepEqual(sitesInChange(carriers), ['b'])
  })
})
