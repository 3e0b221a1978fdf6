import assert from 'node:assert/strict'
import {type Decided, decideIn, rulesByChain} from '../../../src/cli/end-to-end/chain-rules.ts'
import {type SampledFlow, sampleFlows, seededBelow} from '../../../src/cli/end-to-end/sample.ts'
import {ENDPOINT} from '../../support/fake-view.ts'

const match = (left: object, right: unknown, op = '==') => ({match: {op, left, right}})
const protocol = (right: unknown, op?: string) => match({meta: {key: 'l4proto'}}, right, op)
const ct = (key: string, right: unknown) => match({ct: {key, dir: 'original'}}, right)
const chain = (...rules: object[][]): string =>
  JSON.stringify({
    nftables: [{metainfo: {}}, {chain: {name: 'v_1'}}, ...rules.map((expr) => ({rule: {chain: 'v_1', expr}}))],
  })

const TCP: SampledFlow = {from: '10.1.0.5', to: '10.2.0.5', protocol: 'tcp', number: 6, sourcePort: 40_000, port: 80}
const PING: SampledFlow = {from: '10.1.0.5', to: '10.2.0.5', protocol: 'icmp', number: 1, type: 8, code: 0}
const GO = {goto: {target: 'allowed'}}
const END = {goto: {target: 'deny'}}

describe('what a verdict chain of the kernel says', () => {
  const cases: readonly [what: string, flow: SampledFlow, text: string, decided: Decided][] = [
    ['the first rule that matches', TCP, chain([protocol('tcp'), ct('proto-dst', 80), GO], [END]), {goto: 'allowed'}],
    ['another port', {...TCP, port: 81}, chain([protocol('tcp'), ct('proto-dst', 80), GO], [END]), {goto: 'deny'}],
    ['a range', TCP, chain([ct('proto-dst', {range: [70, 80]}), GO], [END]), {goto: 'allowed'}],
    ['outside of it', TCP, chain([ct('proto-dst', {range: [70, 79]}), GO], [END]), {goto: 'deny'}],
    ['a set', TCP, chain([ct('proto-dst', {set: [22, {range: [80, 90]}]}), GO], [END]), {goto: 'allowed'}],
    ['the source port', TCP, chain([ct('proto-src', {range: [1, 5]}), GO], [END]), {goto: 'deny'}],
    ['a protocol not', TCP, chain([protocol('udp', '!='), GO], [END]), {goto: 'allowed'}],
    ['a protocol by number', PING, chain([protocol(1), GO], [END]), {goto: 'allowed'}],
    ['type and code of ICMP', PING, chain([ct('proto-dst', {range: [2048, 2303]}), GO], [END]), {goto: 'allowed'}],
    ['a jump to the log goes on', TCP, chain([{jump: {target: 'log_1'}}], [END]), {goto: 'deny'}],
    ['a counted drop', TCP, chain([{counter: 'denied'}, {drop: null}]), 'deny'],
    ['accept', TCP, chain([{accept: null}]), 'allow'],
    ['the end of a chain', TCP, chain(), null],
    ['a match of somebody else', TCP, chain([match({payload: {}}, 5), GO], [END]), null],
    ['a protocol without a number', TCP, chain([protocol('weird'), GO], [END]), null],
  ]
  for (const [what, flow, text, decided] of cases) {
    it(what, () => assert.deepEqual(decideIn(rulesByChain(text).get('v_1') ?? [], flow), decided))
  }
})

describe('sampled flows', () => {
  const rows = (...addresses: string[]) => addresses.map((address) => ({...ENDPOINT, address}))
  const own = rows('10.1.0.5', '10.1.0.6', 'fd01::5')
  const remote = rows('10.2.0.1', '10.2.0.2', '10.2.0.3', '10.2.0.4', '10.2.0.5', 'fd02::5')

  it('are the same for a seed, and others for another', () => {
    const of = (seed: number) => JSON.stringify(sampleFlows(own, remote, seededBelow(seed)))
    assert.equal(of(7), of(7))
    assert.notEqual(of(7), of(8))
  })

  it('are few, of one family each, and both ways', () => {
    const flows = sampleFlows(own, remote, seededBelow(3))
    assert.equal(flows.length, 32)
    for (const {from, to} of flows) assert.equal(from.includes(':'), to.includes(':'))
    assert.equal(flows.filter(({from}) => /^(10\.1|fd01)/.test(from)).length, 16)
  })

  it('of a site with nobody there are none', () => assert.deepEqual(sampleFlows(own, [], seededBelow(1)), []))
})
