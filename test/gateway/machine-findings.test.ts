import assert from 'node:assert/strict'
import {type Interfaces, machineFindings} from '../../src/gateway/machine-findings.ts'
import type {LocalUplink, PeerName} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {configOf} from '../support/sites.ts'
import {wanPeer} from '../support/wan-peer.ts'

const {uplinks} = configOf()
const uplink = (overrides: Partial<LocalUplink>): LocalUplink => ({...uplinks[0]!, ...overrides})
const on = (device: string, address: string): Interfaces => ({
  lo: [{address: '127.0.0.1', internal: true}],
  [device]: [{address, internal: device === 'lo'}],
})

describe('what the configuration takes for granted of the machine', () => {
  const address = '192.0.2.1' as Address
  const cases: {name: string; device: string | null; interfaces: Interfaces; told: string[]}[] = [
    {name: 'the uplink’s address on a device', device: null, interfaces: on('eth0', address), told: []},
    {name: 'on lo, and the way out named', device: 'eth0', interfaces: on('lo', address), told: []},
    {
      name: 'on lo, and no way out',
      device: null,
      interfaces: on('lo', address),
      told: [
        'warning uplink-device-unknown 192.0.2.1 is on lo, which does not tell the way out: sites without a tunnel are shut off',
      ],
    },
    {
      name: 'nowhere',
      device: 'eth0',
      interfaces: on('eth0', '192.0.2.7'),
      told: [
        'error uplink-address-missing no device of this machine that is up has 192.0.2.1: nothing comes or goes by uplink wan',
      ],
    },
    {
      name: 'a peer on one of our own devices',
      device: null,
      interfaces: {...on('eth0', address), lan0: [{address: '192.0.2.254', internal: false}]},
      told: ["error peer-is-ourselves 192.0.2.254 is this machine's own, on lan0: no session comes of it"],
    },
  ]
  for (const {name, device, interfaces, told} of cases) {
    it(name, () => {
      const peers = [wanPeer({name: 'r1' as PeerName, address: '192.0.2.254' as Address})]
      const found = machineFindings({uplinks: [uplink({address, device})], peers}, interfaces)
      assert.deepEqual(
        found.map(({severity, code, detail}) => `${severity} ${code} ${detail}`),
        told,
      )
      assert.ok(found.every(({remedy, where}) => remedy && where.key))
    })
  }

  it('asks this machine', () => {
    const found = machineFindings({uplinks: [uplink({address: '192.0.2.199' as Address})], peers: []})
    assert.deepEqual(
      found.map(({code}) => code),
      ['uplink-address-missing'],
    )
  })
})
