import assert from 'node:assert/strict'
import {createGlance} from '../../src/gateway/glance.ts'
import type {PassReport} from '../../src/gateway/pass.ts'
import {gateway, SOURCES} from './pass-gateway.ts'

const {signal} = new AbortController()
const FORWARD = 'net/ipv4/ip_forward'

describe('a glance', () => {
  function looking() {
    const one = gateway()
    one.hear(...SOURCES)
    let last: PassReport | null = null
    let wanted = 0
    let uplinks: readonly string[] | null = ['eth0']
    const glance = createGlance({
      ...{
        cache: one.cache,
        last: () => last,
        signal,
        trigger: () => wanted++,
        uplinks: () => uplinks ?? assert.fail('EMFILE'),
      },
    })
    const pass = async (): Promise<PassReport> => (last = await one.pass())
    const move = (device: string | null): void => {
      uplinks = device === null ? null : [device]
    }
    return {...one, pass, glance, move, wanted: () => wanted}
  }

  it('wants a pass for a setting that somebody changed while another step fails, and that waits for its time', async () => {
    const {node, failing, pass, glance, wanted} = looking()
    failing.add('bird')
    assert.equal((await pass()).dirty, true)
    await pass()
    await glance()
    assert.equal(wanted(), 0, 'what failed is no news')
    node.sysctls.set(FORWARD, '0')
    await glance()
    assert.equal(wanted(), 1)
    await pass()
    assert.equal(node.sysctls.get(FORWARD), '1')
    await glance()
    assert.equal(wanted(), 1)
  })

  it('wants one for an uplink whose address has gone over to another device', async () => {
    const {failing, pass, glance, move, wanted} = looking()
    failing.add('bird')
    assert.equal((await pass()).dirty, true)
    await glance()
    assert.equal(wanted(), 0)
    move('bond0')
    await glance()
    assert.equal(wanted(), 1)
    await glance()
    assert.equal(wanted(), 1)
    move(null)
    await glance()
    assert.equal(wanted(), 2, 'the pass meets it too, and tells')
  })

  it('leaves it to the next pass, which is near, where nothing is left undone', async () => {
    const {node, pass, glance, wanted} = looking()
    await pass()
    assert.equal((await pass()).dirty, false)
    node.sysctls.set(FORWARD, '0')
    await glance()
    assert.equal(wanted(), 0)
    await pass()
    assert.equal(node.sysctls.get(FORWARD), '1')
  })
})
