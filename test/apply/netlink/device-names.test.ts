import assert from 'node:assert/strict'
import {createDeviceNames} from '../../../src/apply/netlink/device-names.ts'

describe('names of devices', () => {
  it('of those that came and went none is kept', () => {
    const names = createDeviceNames()
    for (let index = 1; index <= 1000; index++) {
      names.note(index, `veth${index}`, false)
      if (index % 10 !== 0) names.note(index, `veth${index}`, true)
    }
    assert.equal(names.size, 100)
    assert.deepEqual([names.of(9), names.of(10)], [null, 'veth10'])
  })

  it('a device that is renamed concerns both names, and has the new one; its index may go over to another', () => {
    const names = createDeviceNames()
    assert.deepEqual(names.note(7, 'is-b-1', false), ['is-b-1'])
    assert.deepEqual(names.note(7, 'other', false), ['is-b-1', 'other'])
    assert.equal(names.of(7), 'other')
    names.note(7, 'other', true)
    assert.deepEqual(names.note(7, 'eth1', false), ['eth1'])
  })

  it('after a loss nothing is believed', () => {
    const names = createDeviceNames()
    names.note(7, 'eth1', false)
    names.forget()
    assert.equal(names.of(7), null)
  })
})
