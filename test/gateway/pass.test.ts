import assert from 'node:assert/strict'
import {FIRST_PASS_DEADLINE_MS} from '../../src/gateway/first-pass.ts'
import type {WgPublicKey} from '../../src/model/index.ts'
import {FakeNode} from '../support/fake-node.ts'
import {eventually} from '../support/namespace.ts'
import {rawRecord} from '../support/records.ts'
import {ISTHMUS, listOf, podRecord} from '../support/sites.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'
import {gateway, NO_CARRIERS, NO_KEYS, SOURCES} from './pass-gateway.ts'

const policyRecord = (action: 'Allow' | 'Deny', modRevision: number) =>
  rawRecord(
    `${ISTHMUS}globalnetworkpolicies/default.p`,
    {
      apiVersion: 'projectcalico.org/v3',
      kind: 'GlobalNetworkPolicy',
      metadata: {name: 'default.p'},
      spec: {
        tier: 'default',
        selector: 'all()',
        types: ['Ingress', 'Egress'],
        ingress: [{action}],
        egress: [{action: 'Allow'}],
      },
    },
    modRevision,
  )

describe('a pass', () => {
  it('does what must come before, while the last policy is in force, then looks at the world', async () => {
    const {order, pass} = gateway()
    await pass()
    assert.deepEqual(order, ['before', 'world', 'compile'])
  })

  it('on a kernel without our table closes it at once, whatever is known', async () => {
    const {node, pass} = gateway()
    const report = await pass()
    assert.equal(report.held, false)
    assert.equal(node.nft?.chains.get('forward')?.hook, 'filter forward 0 drop')
  })

  it('shapes an uplink, says where somebody else does, and ends with the configuration', async () => {
    const {node, cache, pass, shape} = gateway()
    shape([{device: 'wan0', rateMbit: 50}])
    await pass()
    assert.deepEqual(node.actual().queues, [{device: 'wan0', ours: true, rateMbit: 50}])
    const codes = async () => (await pass()).findings.map(({code}) => code)
    assert.ok(!(await codes()).includes('queue-foreign'))
    shape([])
    await pass()
    assert.deepEqual(node.actual().queues, [])
    shape([{device: 'wan0', rateMbit: 50}])
    node.queues.set('wan0', {device: 'wan0', ours: false, kind: 'cake'})
    cache.invalidate()
    assert.ok((await codes()).includes('queue-foreign'))
    assert.deepEqual(node.actual().queues, [{device: 'wan0', ours: false, kind: 'cake'}])
  })

  it('on a kernel that is programmed waits until every source has been heard', async () => {
    const first = gateway()
    await first.pass()
    const second = gateway(first.node)
    const before = JSON.stringify([...first.node.nft!.chains.keys()])
    assert.equal((await second.pass()).held, true)
    second.hear('datastore/main', 'datastore/second', 'export/b')
    assert.equal((await second.pass()).held, true)
    assert.equal(JSON.stringify([...first.node.nft!.chains.keys()]), before, 'untouched')
    second.hear('export/c')
    assert.equal((await second.pass()).held, false)
  })

  it('or until the deadline, and only for the first pass', async () => {
    const first = gateway()
    await first.pass()
    const second = gateway(first.node)
    second.advance(FIRST_PASS_DEADLINE_MS - 1)
    assert.equal((await second.pass()).held, true)
    second.advance(1)
    assert.equal((await second.pass()).held, false)
  })

  it('what is on disk may be older than the kernel: it stands in only at the deadline', async () => {
    const first = gateway()
    await first.pass()
    const second = gateway(first.node)
    for (const source of SOURCES) second.federation.restore(listOf(source, []))
    assert.equal((await second.pass()).held, true)
    second.advance(FIRST_PASS_DEADLINE_MS)
    assert.equal((await second.pass()).held, false)
  })

  it('with nothing changed does nothing, and raises nothing', async () => {
    const {pass, raised} = gateway()
    await pass()
    const after = raised.length
    const report = await pass()
    assert.deepEqual([report.steps, report.dirty, raised.length], [[], false, after])
  })

  it('drained, it changes what BIRD says, and nothing else; undrained, it is what it was', async () => {
    const router = wanPeer({export: plain('0.0.0.0/0')})
    const {pass, node, drain} = gateway(new FakeNode(), [router])
    await pass()
    const before = node.bird
    drain(true)
    assert.deepEqual(
      (await pass()).steps.map(({driver}) => driver),
      ['bird'],
    )
    assert.match(node.bird ?? '', /bgp_community\.add\(\(65535, 0\)\);/)
    drain(false)
    await pass()
    assert.equal(node.bird, before)
  })

  it('keys that a full disk does not take hold up their tunnel, and nothing else', async () => {
    const {federation, carry, hear, pass} = gateway()
    hear(...SOURCES)
    await pass()
    const uplinks = [{name: 'wan', address: '192.0.2.2', inner: ['100.64.0.2', '100.64.0.3']}]
    const records = [
      rawRecord('/isthmus/v1/export/gateways/b1', {uplinks, tunnels: {}}),
      rawRecord('/isthmus/v1/export/site', {as: 4200000002, prefixes: ['10.2.0.0/16']}),
    ]
    federation.update(listOf('export/b', records))
    federation.update(listOf('datastore/main', [policyRecord('Allow', 3)]))
    const carrier = {slot: 0, serial: 0, encapsulation: 'wireguard', phase: 'joining'} as const
    carry(new Map([['a/a1/wan b/b1/wan', [carrier]]]), NO_KEYS)
    const report = await pass()
    assert.deepEqual(report.failures, [])
    const told = report.findings.filter(({code}) => code === 'state-not-writable')
    assert.match(told[0]!.detail, /^keys of is-\S+ were not made: ENOSPC$/)
    assert.ok(
      report.steps.some(({driver}) => driver === 'nft'),
      'the policy is in force',
    )

    const name = /is-\S+/.exec(told[0]!.detail)![0]
    const key = {publicKey: 'k' as WgPublicKey, keyFile: '/k', port: 51820, madeMs: 0}
    carry(NO_CARRIERS, new Map([[name, key]]))
    const {findings} = await pass()
    assert.ok(findings.some(({detail}) => detail === `keys of ${name} were not forgotten: ENOSPC`))
  })

  it('a restart on what an earlier run made changes nothing either', async () => {
    const first = gateway()
    first.hear(...SOURCES)
    first.federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    await first.pass()
    await first.pass()
    const second = gateway(first.node)
    second.hear(...SOURCES)
    second.federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    const report = await second.pass()
    assert.deepEqual(
      report.steps.map(({key}) => key),
      [],
    )
  })

  it('a driver that fails makes it dirty, leaves the others alone, and the next pass converges', async () => {
    const {node, pass, failing, cache} = gateway()
    failing.add('bird')
    const report = await pass()
    assert.equal(report.dirty, true)
    assert.deepEqual(
      report.failures.map(({step, code}) => [step, code]),
      [['bird configuration', 'failed']],
    )
    assert.ok(node.nft, 'the ruleset stands')
    failing.clear()
    cache.invalidate()
    assert.equal((await pass()).dirty, false)
    assert.ok(node.bird)
  })

  it('a part that cannot be read is neither repaired nor pruned', async () => {
    const {node, pass, unreadable, cache} = gateway()
    await pass()
    const before = JSON.stringify([...node.sysctls])
    node.sysctls.clear()
    unreadable.add('sysctl')
    cache.invalidate()
    const report = await pass()
    assert.deepEqual([...report.unread.keys()], ['sysctl'])
    assert.equal(report.dirty, true)
    assert.equal(node.sysctls.size, 0)
    unreadable.clear()
    assert.equal((await pass()).dirty, false)
    assert.equal(JSON.stringify([...node.sysctls]), before)
  })

  it('what is slow to answer does not hold up the ruleset, nor that flows are judged anew', async () => {
    const {pass, slow, raised, federation, cache, node, judgements} = gateway()
    await pass()
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    const answer = Promise.withResolvers<void>()
    slow.set('bird', answer.promise)
    cache.invalidate('bird')
    const [before, raisedBefore] = [judgements.length, raised.length]
    const passing = pass()
    await eventually(() => raised.length > raisedBefore)
    assert.ok(judgements.length > before)
    assert.ok(node.nft?.sets.get('class4')?.elements.has('10.1.0.5'))
    answer.resolve()
    assert.equal((await passing).dirty, false)
    assert.equal(raised.length, raisedBefore + 1)
  })

  it('the generation is raised after the ruleset changed, and again when that failed', async () => {
    const {pass, raised, failRaise, federation} = gateway()
    await pass()
    assert.equal(raised.length, 1)
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    failRaise(1)
    await assert.rejects(pass())
    assert.equal(raised.length, 1)
    await pass()
    assert.equal(raised.length, 2, 'although this pass changed nothing')
  })

  it('a policy that changes comes into force by stages, each after the one before, and then is judged anew', async () => {
    const {hear, federation, pass, judgements, raised} = gateway()
    hear(...SOURCES)
    const pods = [podRecord('p1', '10.1.0.5'), podRecord('p2', '10.1.0.6')]
    federation.update(listOf('datastore/main', [...pods, policyRecord('Allow', 3)]))
    await pass()
    const [before, raisedBefore] = [judgements.length, raised.length]
    federation.update(listOf('datastore/main', [...pods, policyRecord('Deny', 4)]))
    const report = await pass()
    assert.deepEqual(judgements.slice(before), ['beside', 'beside, turned', 'beside, turned', 'beside', 'alone'])
    assert.deepEqual([report.dirty, raised.length], [false, raisedBefore + 1])
    assert.deepEqual((await pass()).steps, [])
  })

  it('a stage that fails is not tried again: the next pass goes straight to what is wanted', async () => {
    const {hear, federation, pass, failing, judgements, cache} = gateway()
    hear(...SOURCES)
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5'), policyRecord('Allow', 3)]))
    await pass()
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5'), policyRecord('Deny', 4)]))
    failing.add('nft')
    assert.equal((await pass()).dirty, true)
    failing.clear()
    cache.invalidate()
    const before = judgements.length
    assert.equal((await pass()).dirty, false)
    assert.deepEqual(judgements.slice(before), ['alone'])
  })
})
