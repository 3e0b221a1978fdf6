import assert from 'node:assert/strict'
import {parsePrefix} from '../../src/net/index.ts'
import {fastDevices, trustedWays} from '../../src/plan/trusted-ways.ts'
import {configOf, remote, site as siteName, tunnelTo} from '../support/sites.ts'

function inputOf(names: readonly string[], devices: Record<string, number>, closed: readonly string[] = []) {
  const config = configOf({sites: new Map(names.map((name, index) => remote(name, `10.${index + 2}.0.0/16`)))})
  const tunnels = Object.keys(devices).flatMap((device) => {
    const name = /^is-([a-z]+\d*)-/.exec(device)?.[1]
    return name === undefined ? [] : [tunnelTo(name, device)]
  })
  const base = {config, tunnels, uplinkDevices: ['wan0'], devices: new Map(Object.entries(devices))}
  return {...base, closed: (name: string) => closed.includes(name)}
}

function waysOf(...input: Parameters<typeof inputOf>) {
  const [trusted, ways, known] = trustedWays(inputOf(...input))
  return {trusted: [...trusted!.elements.keys()], ways: new Map(ways!.elements), known: new Map(known!.elements)}
}

const DEVICES = {wan0: 2, lan0: 3, 'is-b-0': 4, 'is-b-1': 5, 'is-c-0': 6}

describe('trustedWays', () => {
  it('a site’s tunnels stand for one another, and a reply has the devices turned round', () => {
    const {trusted, ways} = waysOf(['b', 'c'], DEVICES)
    const number = ways.get('original . 3 . 4')!
    assert.deepEqual(
      trusted.filter((key) => key.startsWith(number)),
      ['original . 3 . 4', 'reply . 4 . 3', 'original . 3 . 5', 'reply . 5 . 3'].map((way) => `${number} . ${way}`),
    )
  })

  it('what one number trusts, no other one does: sites, and who asked, are told apart', () => {
    const {trusted, ways} = waysOf(['b', 'c'], DEVICES)
    assert.equal(new Set(trusted.map((key) => key.slice(key.indexOf(' . ')))).size, trusted.length)
    assert.equal(
      new Set(['original . 3 . 4', 'original . 4 . 3', 'original . 3 . 6'].map((way) => ways.get(way))).size,
      3,
    )
  })

  it('trusts no way of a closed site, and all others keep their numbers', () => {
    const open = waysOf(['b', 'c'], DEVICES)
    const closed = waysOf(['b', 'c'], DEVICES, ['b'])
    for (const [way, number] of open.ways) {
      assert.equal(closed.ways.get(way), / [45](?: |$)/.test(way) ? undefined : number, way)
    }
    assert.ok([...closed.known.keys()].every((devices) => !devices.includes('is-b-')))
    assert.ok([...closed.known.keys()].some((devices) => devices.includes('is-c-0')))
  })

  it('holds no way over an uplink, none between two remote sites, and none within one', () => {
    const {ways} = waysOf(['b', 'c'], DEVICES)
    for (const way of ways.keys()) {
      const [, from, to] = way.split(' . ')
      assert.ok(from === '3' || to === '3', way)
      assert.ok(from !== '2' && to !== '2', way)
    }
  })

  it('leads each pair of devices that is trusted, and no other one, to the checks of both', () => {
    const {ways, known} = waysOf(['b', 'c'], DEVICES)
    assert.deepEqual(
      known,
      new Map([
        ['lan0 . lan0', 'goto near_near'],
        ['lan0 . is-b-0', 'goto to_is_b_0'],
        ['lan0 . is-b-1', 'goto to_is_b_1'],
        ['is-b-0 . lan0', 'goto from_is_b_0'],
        ['is-b-1 . lan0', 'goto from_is_b_1'],
        ['lan0 . is-c-0', 'goto to_is_c_0'],
        ['is-c-0 . lan0', 'goto from_is_c_0'],
      ]),
    )
    const byName = new Map(Object.entries(DEVICES).map(([name, index]) => [String(index), name]))
    const asked = [...ways.keys()].filter((way) => way.startsWith('original')).map((way) => way.split(' . ').slice(1))
    assert.deepEqual(
      new Set(known.keys()),
      new Set(asked.map((pair) => pair.map((index) => byName.get(index)).join(' . '))),
    )
  })

  it('a mark has room for so many sites; of the others every packet is looked at', () => {
    const names = Array.from({length: 200}, (_, index) => `s${index}`)
    const devices = Object.fromEntries(names.map((name, index) => [`is-${name}-0`, 100 + index]))
    const {trusted, ways} = waysOf(names, {lan0: 3, ...devices})
    assert.ok(ways.size >= 500)
    assert.ok([...ways.values()].every((mark) => Number(mark) >= 1 && Number(mark) <= 255))
    assert.equal(trusted.length, ways.size)
  })

  it('stays within its bound whatever devices there are', () => {
    const devices = Object.fromEntries(Array.from({length: 3000}, (_, index) => [`cali${index}`, 100 + index]))
    const {trusted, ways} = waysOf(['b'], {...devices, eth0: 2, 'is-b-0': 4})
    assert.ok(trusted.length <= 1024)
    assert.ok(ways.has('original . 2 . 4') && ways.has('original . 4 . 2'))
  })
})

describe('fastDevices', () => {
  const fastOf = (input: ReturnType<typeof inputOf>): readonly number[] => fastDevices(input, trustedWays(input))

  it('are those on ways: no uplink, no tunnel of a closed site', () => {
    assert.deepEqual(fastOf(inputOf(['b', 'c'], DEVICES)), [3, 4, 5, 6])
    assert.deepEqual(fastOf(inputOf(['b', 'c'], DEVICES, ['b'])), [3, 6])
  })

  it('nor a tunnel whose packets are translated: what leaves is not what came', () => {
    const {config, ...input} = inputOf(['b', 'c'], DEVICES)
    const [real, seen] = ['10.2.0.0/16', '10.200.0.0/16'].map((text) => parsePrefix(text)!)
    const translated = {...config.sites.get(siteName('b'))!, translations: [{real: real!, seen: seen!}]}
    const sites = new Map([...config.sites, [siteName('b'), translated]])
    assert.deepEqual(fastOf({...input, config: {...config, sites}}), [3, 6])
  })
})
