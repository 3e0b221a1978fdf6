import assert from 'node:assert/strict'
import {createUplinkDevices, createUplinkMtus, uplinkMtus} from '../../src/gateway/uplink-devices.ts'
import type {LocalUplink, UplinkName} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'

const uplink = (name: string, address: string, device: string | null): LocalUplink => ({
  ...{name: name as UplinkName, address: address as Address, public: null, device},
  inner: {4: [], 6: []},
})

describe('MTU of the uplinks', () => {
  it('is that of the device that is named, or that has the address; of one that is neither, none', () => {
    const mtuOf = (device: string): number | null => (device === 'ppp0' ? 1492 : null)
    const uplinks = [
      uplink('dsl', '203.0.113.7', 'ppp0'),
      uplink('gone', '203.0.113.8', 'ppp1'),
      uplink('x', '203.0.113.9', null),
    ]
    assert.deepEqual([...uplinkMtus(uplinks, mtuOf)], [['dsl', 1492]])
  })

  it('of a device that is not there, nothing is known', () => {
    assert.equal(uplinkMtus([uplink('wan', '203.0.113.7', 'is-not-there')]).size, 0)
  })

  it('of an uplink that is down for a moment it stays, so that what is known of its paths does', () => {
    let seen: readonly (readonly [string, number])[] = [['wan', 1500]]
    const mtus = createUplinkMtus([], () => new Map(seen))
    const first = mtus()
    seen = []
    assert.equal(mtus(), first)
    seen = [['wan', 1400]]
    assert.deepEqual([...mtus()], [['wan', 1400]])
  })
})

describe('devices of the uplinks', () => {
  it('those that are named, and those that have the addresses or had them last: one that is down is still towards the WAN', () => {
    let carriers: readonly (readonly [string, string])[] = [['203.0.113.7', 'eth0']]
    const uplinks = [uplink('wan', '203.0.113.7', null), uplink('lte', '203.0.113.8', 'wwan0')]
    const devices = createUplinkDevices(uplinks, () => new Map(carriers))
    assert.deepEqual(devices(), ['eth0', 'wwan0'])
    carriers = []
    assert.deepEqual(devices(), ['eth0', 'wwan0'])
    carriers = [['203.0.113.7', 'eth1']]
    assert.deepEqual(devices(), ['eth1', 'wwan0'])
  })
})
