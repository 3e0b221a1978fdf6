import assert from 'node:assert/strict'
import {traceFlow} from '../../src/gateway/trace-flow.ts'
import type {Decoded, SourceId, WorkloadEndpoint} from '../../src/model/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {address, attributes, policy, rule, tier, world} from '../policy/worlds.ts'
import {configOf} from '../support/sites.ts'

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
