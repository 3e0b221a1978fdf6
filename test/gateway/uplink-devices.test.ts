import assert from 'node:assert/strict'
import {uplinkMtus} from '../../src/gateway/uplink-devices.ts'
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
})
