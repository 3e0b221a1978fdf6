import assert from 'node:assert/strict'
import type {Encapsulation, LinkSpec} from '../../src/model/index.ts'
import {planTunnels} from '../../src/tunnels/index.ts'
import {planAll, type Sketch, type SketchSite} from '../support/interconnect.ts'

const TWO: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
}

describe('planTunnels: IPv6 inside and outside', () => {
  const families = (inner: readonly (4 | 6)[], more: Partial<SketchSite> = {}): Sketch => ({
    sites: TWO.sites.map((one) => ({...one, inner, ...more})),
  })
  const shapes: {
    name: string
    sketch: Sketch
    encapsulation: Encapsulation
    links: string[]
    peers: string[]
  }[] = [
    {
      name: 'ipip of both families: a device each',
      sketch: families([4, 6]),
      encapsulation: 'ipip',
      links: ['ipip 1480', 'sit 1480'],
      peers: ['100.64.2.0', 'fd64::2:0'],
    },
    {
      name: 'fou of both families: a device each, and a port each',
      sketch: families([4, 6]),
      encapsulation: 'fou',
      links: ['ipip 1472 5555', 'sit 1472 5556'],
      peers: ['100.64.2.0', 'fd64::2:0'],
    },
    {
      name: 'wireguard: one device for both',
      sketch: families([4, 6]),
      encapsulation: 'wireguard',
      links: ['wireguard 1440'],
      peers: ['100.64.2.0', 'fd64::2:0'],
    },
    {
      name: 'ipip over IPv6: one device for both',
      sketch: families([4, 6], {over6: ['wan']}),
      encapsulation: 'ipip',
      links: ['ip6tnl 1460'],
      peers: ['100.64.2.0', 'fd64::2:0'],
    },
    {
      name: 'IPv6 inside alone',
      sketch: families([6]),
      encapsulation: 'ipip',
      links: ['sit 1480'],
      peers: ['fd64::2:0'],
    },
    {
      name: 'wireguard over IPv6',
      sketch: families([4], {over6: ['wan']}),
      encapsulation: 'wireguard',
      links: ['wireguard 1420'],
      peers: ['100.64.2.0'],
    },
    {
      name: 'uplinks of both families: each with its like, and not a word of the others',
      sketch: families([4], {uplinks: ['wan', 'wan6'], over6: ['wan6']}),
      encapsulation: 'ipip',
      links: ['ip6tnl 1460', 'ipip 1480'],
      peers: ['100.64.2.0', '100.64.2.2'],
    },
  ]
  for (const {name, sketch, encapsulation, links, peers} of shapes) {
    it(name, () => {
      const {plan} = planAll({...sketch, pairs: {'a b': encapsulation}}).get('a')!
      assert.deepEqual(plan.findings, [])
      const told = (link: LinkSpec) => `${link.kind} ${link.mtu}${'fou' in link ? ` ${link.fou}` : ''}`
      assert.deepEqual(plan.links.map(told).sort(), links)
      assert.deepEqual(plan.tunnels.map(({peer}) => peer).sort(), peers)
      assert.equal(new Set(plan.tunnels.map(({id}) => id)).size, peers.length)
      assert.equal(new Set(plan.tunnels.map(({session}) => session)).size, peers.length)
      assert.deepEqual(
        plan.addresses.map(({device, peer}) => `${device} ${peer}`),
        plan.tunnels.map(({device, peer}) => `${device} ${peer}`),
      )
    })
  }

  it('a site that gets IPv6 keeps the device and session that it has', () => {
    const before = planAll(families([4])).get('a')!.plan
    const after = planAll(families([4, 6])).get('a')!.plan
    assert.deepEqual(
      after.links.filter(({kind}) => kind === 'ipip'),
      before.links,
    )
    assert.ok(after.tunnels.some((tunnel) => JSON.stringify(tunnel) === JSON.stringify(before.tunnels[0])))
  })

  const narrow: {name: string; encapsulation: Encapsulation; underlayMtu: number; limit?: number; peers: string[]}[] = [
    {name: 'as computed', encapsulation: 'ipip', underlayMtu: 1299, peers: ['100.64.2.0']},
    {name: 'and one that is just enough', encapsulation: 'ipip', underlayMtu: 1300, peers: ['100.64.2.0', 'fd64::2:0']},
    {name: 'of one device for both', encapsulation: 'vxlan', underlayMtu: 1320, peers: ['100.64.2.0']},
    {name: 'as found', encapsulation: 'ipip', underlayMtu: 1500, limit: 1270, peers: ['100.64.2.0']},
    {
      name: 'and found to be just enough',
      encapsulation: 'ipip',
      underlayMtu: 1500,
      limit: 1280,
      peers: ['100.64.2.0', 'fd64::2:0'],
    },
  ]
  for (const {name, encapsulation, underlayMtu, limit, peers} of narrow) {
    it(`a path too narrow for IPv6, ${name}`, () => {
      const {config, sites, plan} = planAll({...families([4, 6]), pairs: {'a b': encapsulation}}).get('a')!
      const {device} = plan.tunnels.find(({peer}) => peer.startsWith('100.'))!
      const limits = new Map(limit === undefined ? [] : [[device, {device: limit, clamp: limit}]])
      const now = planTunnels({config, sites, keys: new Map(), underlayMtus: new Map([['wan', underlayMtu]]), limits})
      assert.deepEqual(now.tunnels.map(({peer}) => peer).sort(), peers)
      assert.deepEqual(
        now.findings.map(({code, severity}) => `${code} ${severity}`),
        peers.length === 1 ? ['tunnel-without-ipv6 warning'] : [],
      )
    })
  }

  it('fou over IPv6, uplinks of two families, and inner addresses of none in common are refused', () => {
    const [a, b] = TWO.sites as [SketchSite, SketchSite]
    const cases: {sites: SketchSite[]; encapsulation: Encapsulation; detail: RegExp}[] = [
      {sites: families([4], {over6: ['wan']}).sites as SketchSite[], encapsulation: 'fou', detail: /fou needs IPv4/},
      {sites: [a, {...b, over6: ['wan']}], encapsulation: 'ipip', detail: /of two families/},
      {sites: [a, {...b, inner: [6]}], encapsulation: 'ipip', detail: /addresses of IPv4, .* addresses of IPv6/},
    ]
    for (const {sites, encapsulation, detail} of cases) {
      const {plan} = planAll({sites, pairs: {'a b': encapsulation}}).get('a')!
      assert.deepEqual([[...plan.offers], plan.links, plan.fouPorts], [[], [], []])
      assert.match(plan.findings[0]!.detail, detail)
    }
  })
})
