import assert from 'node:assert/strict'
import type {GatewayConfig, SiteView} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {planTunnels} from '../../src/tunnels/index.ts'
import {planAll, type Sketch} from '../support/interconnect.ts'

const NAMES = {sites: ['a', 'b', 'c', 'd'].map((name, index) => ({name, number: index + 1}))}
const B = '192.0.2.16' as Address

/** What a plans where c says that its gateway is at the address of b's. */
function planned(pairs: Sketch['pairs'], {named = [], silent = []}: {named?: string[]; silent?: string[]} = {}) {
  const sketch: Sketch = {...NAMES, pairs: pairs!}
  const {config, sites} = planAll(sketch).get('a')!
  const at = (view: SiteView): SiteView => ({
    ...view,
    gateways: view.gateways.map((gateway) => ({
      ...gateway,
      uplinks: gateway.uplinks.map((uplink) => ({...uplink, public: B})),
      tunnels: silent.includes(view.name) ? new Map() : gateway.tunnels,
    })),
  })
  const views = new Map([...sites].map(([name, view]) => [name, name === 'b' || name === 'c' ? at(view) : view]))
  const remotes: GatewayConfig['sites'] = new Map(
    [...config.sites].map(([name, site]) => [
      name,
      {...site, endpoints: named.includes(name) ? ['https://etcd.example:2379', `https://${B}:2379`] : []},
    ]),
  )
  const plan = planTunnels({config: {...config, sites: remotes}, sites: views, keys: new Map()})
  return {
    tunnels: plan.tunnels.map(({site}) => site),
    offers: [...plan.offers.keys()],
    findings: plan.findings.map(({code, where, severity}) => `${severity} ${code} ${where.source}`),
    detail: plan.findings[0]?.detail ?? '',
  }
}

describe('two far ends with one outer address', () => {
  for (const [first, second] of [
    ['ipip', 'ipip'],
    ['fou', 'fou'],
    ['fou', 'ipip'],
  ] as const) {
    it(`${first} and ${second}: one has the tunnel, the other a finding that names both, a third is not touched`, () => {
      const {tunnels, offers, findings, detail} = planned({'a b': first, 'a c': second})
      assert.deepEqual(tunnels, ['b', 'd'])
      assert.deepEqual(offers, ['b/b1/wan', 'd/d1/wan'])
      assert.deepEqual(findings, ['error address-duplicate export c'])
      assert.match(detail, /^c\/c1\/wan is at 192\.0\.2\.16, as b\/b1\/wan is/)
    })
  }

  it('it is that one’s whose address the configuration names, and nobody’s who offers no tunnel', () => {
    assert.deepEqual(planned({}, {named: ['c']}).tunnels, ['c', 'd'])
    assert.deepEqual(planned({}, {silent: ['b']}).tunnels, ['c', 'd'])
    assert.deepEqual(planned({}, {named: ['b'], silent: ['b']}).tunnels, ['c', 'd'])
  })

  it('what tells packets apart by more than addresses is as it was', () => {
    const {tunnels, findings} = planned({'a b': 'vxlan', 'a c': 'ipip'})
    assert.deepEqual([tunnels, findings], [['b', 'c', 'd'], []])
    assert.deepEqual(planned({'a b': 'vxlan', 'a c': 'vxlan'}).tunnels, ['b', 'c', 'd'])
  })
})
