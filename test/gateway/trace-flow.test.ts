import assert from 'node:assert/strict'
import {traceFlow} from '../../src/gateway/trace-flow.ts'
import type {Decoded, SourceId, WorkloadEndpoint} from '../../src/model/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {address, attributes, policy, rule, tier, world} from '../policy/worlds.ts'
import {configOf, prefix, site} from '../support/sites.ts'

const FLOW = {from: '10.1.0.5', to: '10.2.0.7', protocol: 'tcp', port: 80}

const known = world(
  [
    {at: '10.1.0.5', site: 'a', set: attributes('pod')},
    {at: '10.2.0.7', site: 'b', set: attributes('pod')},
  ],
  [tier('default', 1)],
  [policy('p', {types: ['ingress'], ingress: [rule('Allow')]})],
)
const pod: WorkloadEndpoint = {
  ...{kind: 'WorkloadEndpoint', meta: {name: 'p', namespace: 'shop', labels: {}, annotations: {}}},
  ...{node: 'n1', pod: 'p', addresses: [address('10.1.0.5')], profiles: ['lost'], ports: [], serviceAccount: null},
}

describe('traceFlow of a gateway', () => {
  const config = configOf()
  const asked: SourceId[] = []
  const runtime = {
    config,
    world: () => known,
    compiled: () => compilePolicy(known, {default: config.default, previous: null, firstClass: 1}),
    recordsOf: (source: SourceId): Decoded[] => {
      asked.push(source)
      if (source !== 'datastore/main') return []
      const place = {key: 'k', modRevision: 1, findings: [], path: '', document: null}
      return [{...place, type: 'resource', root: 'calico', resource: pod}]
    },
  }

  it('answers without stations unless they are asked for, and then reads no datastore', () => {
    const traced = traceFlow(runtime, FLOW, false)
    assert.ok(traced.ok)
    assert.equal(traced.answer.policy, config.default === 'allow' ? 'p' : null)
    assert.ok(!('stations' in traced.answer))
    assert.deepEqual(asked, [])
  })

  it("tells its own site's Calico, and that a remote's is not known", () => {
    const traced = traceFlow(runtime, FLOW, true)
    assert.ok(traced.ok)
    const stations = traced.answer.stations as {station: string; verdict: string; why: string}[]
    assert.deepEqual(
      [stations[0], stations[3]].map((one) => [one?.station, one?.verdict, one?.why]),
      [
        ['source-own', 'deny', 'profile lost is missing'],
        ['destination-own', 'unknown', "what site b's own Calico says is not known here: only its export is"],
      ],
    )
  })

  it('is denied with a reason of its own to and from a site that is closed, and to no other', () => {
    for (const presence of ['closed', 'withdrawn', 'forgotten'] as const) {
      const granted = [prefix('10.2.0.0/16'), prefix('fd00:2::/48')]
      const b = {
        ...{name: site('b'), as: null, granted, prefixes: []},
        infrastructure: [],
        translations: [],
        gateways: [],
        presence,
      }
      const lost = {...runtime, world: () => ({...known, sites: new Map([[site('b'), b]])})}
      const closed = {verdict: 'deny', reason: 'closed', direction: null, site: 'b'}
      const line = {...closed, kind: null, tier: null, policy: null, rule: null}
      for (const flow of [
        FLOW,
        {...FLOW, from: FLOW.to, to: FLOW.from},
        {...FLOW, from: 'fd00:1::1', to: 'fd00:2::1'},
      ]) {
        assert.deepEqual(traceFlow(lost, flow, false), {ok: true, answer: line})
      }
      const traced = traceFlow(lost, {...FLOW, id: 7}, true)
      assert.ok(traced.ok)
      const {stations, ...rest} = traced.answer
      assert.deepEqual(rest, {id: 7, ...line})
      assert.deepEqual(
        (stations as {verdict: string; why: string}[]).map(({verdict, why}) => [verdict, /site b is lost/.test(why)]),
        [
          ['deny', false],
          ['deny', true],
          ['deny', true],
          ['unknown', false],
        ],
      )
      const near = {...FLOW, to: '10.3.0.1'}
      assert.deepEqual(traceFlow(lost, near, true), traceFlow(runtime, near, true))
    }
  })

  it('the same before the first pass', () => {
    const [before, after] = [
      traceFlow({...runtime, compiled: () => null}, FLOW, false),
      traceFlow(runtime, FLOW, false),
    ]
    assert.deepEqual(before, after)
  })

  for (const wrong of [null, 'x', {}, {...FLOW, from: 1}, {...FLOW, port: 'x'}]) {
    it(`what is no flow is a problem: ${JSON.stringify(wrong)}`, () => {
      assert.ok(!traceFlow(runtime, wrong, true).ok)
    })
  }
})
