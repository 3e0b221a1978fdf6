import assert from 'node:assert/strict'
import type {Carrier, Encapsulation, SiteName, UplinkPair} from '../../src/model/index.ts'
import {planTunnels} from '../../src/tunnels/index.ts'
import {configOf, type Sketch, viewOf} from '../support/interconnect.ts'

const sketchOf = (kind: Encapsulation, uplinks: readonly string[] = ['wan']): Sketch => ({
  sites: [
    {name: 'a', number: 1, uplinks},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': kind},
})
const B = 'b' as SiteName
const pairOf = (uplink: string): UplinkPair => `a/a1/${uplink} b/b1/wan`

/** `none open, vxlan joining`: in slots 0 and 1, with serials in this order. */
const held = (words: string): readonly Carrier[] =>
  words.split(', ').map((word, index): Carrier => {
    const [encapsulation, phase] = word.split(' ') as [Encapsulation, Carrier['phase']]
    return {slot: index as 0 | 1, serial: index, encapsulation, phase}
  })

describe('ways without a tunnel', () => {
  const cases: readonly [name: string, carriers: readonly string[], first: boolean, left: boolean][] = [
    ['alone', ['none open'], true, false],
    ['to be followed', ['none open, vxlan joining'], true, false],
    ['followed', ['none leaving, vxlan open'], false, false],
    ['followed, and the other end is told', ['none left, vxlan open'], false, true],
    ['to follow', ['vxlan open, none joining'], false, false],
    ['it follows', ['vxlan leaving, none open'], true, false],
    ['of two pairs one is not so far', ['vxlan leaving, none open', 'vxlan open, none joining'], false, false],
    ['of two pairs one is done', ['vxlan open', 'none leaving, vxlan open'], false, false],
    ['both are so far', ['vxlan left, none open', 'none open'], true, false],
  ]
  for (const [name, all, isFirst, isLeft] of cases) {
    it(`${name}: ${isFirst ? 'before' : 'after'} tunnels${isLeft ? ', left' : ''}`, () => {
      const sketch = sketchOf('vxlan', all.length === 2 ? ['wan', 'lte'] : ['wan'])
      const carriers = new Map(all.map((words, index) => [pairOf(['wan', 'lte'][index]!), held(words)]))
      const input = {
        config: configOf(sketch, 'a'),
        sites: new Map([[B, viewOf(sketch, 'b')]]),
        keys: new Map(),
        carriers,
      }
      assert.deepEqual([...planTunnels(input).native], [['b', {isFirst, isLeft}]])
    })
  }

  it('none, whatever was written down, where nothing may cross in clear', () => {
    for (const more of [{encapsulation: 'wireguard'}, {encrypted: true}] as const) {
      const plain = configOf(sketchOf('none'), 'a')
      const config = {...plain, sites: new Map([[B, {...plain.sites.get(B)!, ...more}]])}
      const carriers = new Map([[pairOf('wan'), held('none open')]])
      const sites = new Map([[B, viewOf(sketchOf('none'), 'b')]])
      assert.equal(planTunnels({config, sites, keys: new Map(), carriers}).native.size, 0)
    }
  })

  it('tunnels alone are none', () => {
    const sketch = sketchOf('vxlan')
    const input = {config: configOf(sketch, 'a'), sites: new Map([[B, viewOf(sketch, 'b')]]), keys: new Map()}
    assert.equal(planTunnels(input).native.size, 0)
  })

  it('of a site that has not been read the configuration says it', () => {
    const config = configOf(sketchOf('none'), 'a')
    const {native} = planTunnels({config, sites: new Map(), keys: new Map()})
    assert.deepEqual([...native], [['b', {isFirst: true, isLeft: false}]])
    assert.equal(
      planTunnels({config: configOf(sketchOf('vxlan'), 'a'), sites: new Map(), keys: new Map()}).native.size,
      0,
    )
  })

  it('while one follows the other both are told to the other end, and why it takes time is said', () => {
    const sketch = sketchOf('none')
    const carriers = new Map([[pairOf('wan'), held('vxlan open, none joining')]])
    const input = {config: configOf(sketch, 'a'), sites: new Map([[B, viewOf(sketch, 'b')]]), keys: new Map(), carriers}
    const {offers, findings} = planTunnels(input)
    assert.deepEqual(
      offers.get('b/b1/wan')?.map(({slot, serial, encapsulation}) => [slot, serial ?? 0, encapsulation]),
      [
        [0, 0, 'vxlan'],
        [1, 1, 'none'],
      ],
    )
    const change = findings.find(({code}) => code === 'tunnel-change')
    assert.match(
      change!.detail,
      /^vxlan in slot 0 stays until none is wanted by both ends, and routers of the WAN tell/,
    )
  })
})
