import assert from 'node:assert/strict'
import {reachTo} from '../../../src/gateway/reach.ts'
import {compilePolicy, prepareTracer} from '../../../src/policy/index.ts'
import {attributes, entity, policy, rule, tier, world} from '../worlds.ts'

describe('whose packets come to an address', () => {
  const pod = (app: string) => attributes('pod', {labels: {app}})
  const ports = {ranges: [{first: 5432, last: 5432}], names: []}
  const known = world(
    [
      {at: '10.1.0.5', site: 'a', set: pod('web')},
      {at: '10.1.0.6', site: 'a', set: pod('web')},
      {at: '10.1.0.7', site: 'a', set: pod('cron')},
      {at: '10.2.0.7', site: 'b', set: pod('db')},
    ],
    [tier('default', 1)],
    [
      policy('db', {
        selector: "app == 'db'",
        types: ['ingress'],
        ingress: [
          rule('Allow', {protocol: 6, source: entity({selector: "app == 'web'"}), destination: entity({ports})}),
        ],
      }),
    ],
  )
  const compiled = compilePolicy(known, {default: 'allow', previous: null, firstClass: 1})
  const ask = (address: string) => {
    const result = reachTo({compiled: () => compiled}, address)
    assert.ok(result.ok)
    return result.answer
  }

  it('names the policies that govern it, and of each class what passes', () => {
    const {ingress, egress, from, refused} = ask('10.2.0.7')
    assert.deepEqual([ingress, egress], [['default/db'], []])
    assert.deepEqual(
      from.map(({site, labels, traffic}) => `${site} ${labels.app} ${traffic}`),
      ['a web tcp 5432'],
    )
    assert.ok(refused >= 2)
  })

  it('says the same as the tracer, for every class', () => {
    const {trace} = prepareTracer(known, 'allow')
    for (const to of ['10.1.0.5', '10.1.0.7', '10.2.0.7']) {
      const {from} = ask(to)
      for (const [source, app] of [
        ['10.1.0.6', 'web'],
        ['10.1.0.7', 'cron'],
        ['10.2.0.7', 'db'],
      ] as const) {
        const traced = trace({from: source, to, protocol: 'tcp', port: 5432})
        assert.ok(traced.ok)
        const row = from.find(({labels}) => labels.app === app)
        assert.equal(row !== undefined, traced.line.verdict === 'allow', `${source} ${to}`)
      }
    }
  })

  it('what is no address, and a gateway without a policy', () => {
    assert.deepEqual(reachTo({compiled: () => compiled}, 'x'), {
      ...{ok: false, code: 'bad-request', problem: "'x' is no address; such as 10.2.0.7"},
    })
    const none = reachTo({compiled: () => null}, '10.2.0.7')
    assert.ok(!none.ok && none.code === 'unavailable')
  })
})
