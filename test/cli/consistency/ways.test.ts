import assert from 'node:assert/strict'
import {waysOf} from '../../../src/cli/consistency/ways.ts'
import type {NativeWays, SiteName} from '../../../src/model/index.ts'
import {configOf, remote} from '../../support/sites.ts'

describe('the devices by which packets to a site may leave', () => {
  const [b, site] = remote('b', '10.2.0.0/16')
  const config = (encapsulation: 'ipip' | 'none', device: string | null = null) => {
    const {uplinks, ...rest} = configOf({sites: new Map([[b, {...site, encapsulation}]])})
    return {...rest, uplinks: uplinks.map((uplink) => ({...uplink, device}))}
  }
  const native = (isFirst: boolean): NativeWays => new Map([['b' as SiteName, {isFirst, isLeft: false}]])
  const tunnels = [{site: 'b', device: 'is-b'}]
  const devicesOf = (...args: Parameters<typeof waysOf>): readonly string[] => waysOf(...args)[0]!.devices

  it('are its tunnels alone where the WAN does not carry it', () => {
    assert.deepEqual(devicesOf(config('ipip', 'wan0'), tunnels, new Map(), ['wan0']), ['is-b'])
  })

  it('are the uplinks where the WAN carries it, also one that is found by its address', () => {
    assert.deepEqual(devicesOf(config('none'), [], native(true), ['wan0']), ['wan0'])
  })

  it('are both as long as a way follows another, whatever the configuration says already', () => {
    assert.deepEqual(devicesOf(config('ipip'), tunnels, native(true), ['wan0']), ['wan0', 'is-b'])
    assert.deepEqual(devicesOf(config('none'), tunnels, native(false), ['wan0']), ['wan0', 'is-b'])
  })
})
