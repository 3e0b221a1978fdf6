import assert from 'node:assert/strict'
import {parseFlow} from '../../src/model/index.ts'

const FLOW = {from: '10.1.0.5', to: '10.2.0.7', protocol: 'tcp', port: 5432}

describe('parseFlow', () => {
  const good: {name: string; given: object; flow: object}[] = [
    {
      name: 'names of protocols',
      given: FLOW,
      flow: {from: '10.1.0.5', to: '10.2.0.7', protocol: 6, destinationPort: 5432},
    },
    {
      name: 'numbers as text, as a command line has them',
      given: {...FLOW, protocol: '17', port: '53', sourcePort: '1024'},
      flow: {from: '10.1.0.5', to: '10.2.0.7', protocol: 17, destinationPort: 53, sourcePort: 1024},
    },
    {
      name: 'ICMP with type and code',
      given: {from: 'FD00:1::5', to: 'fd00:2:0::7', protocol: 'ICMPv6', type: 128, code: 0},
      flow: {from: 'fd00:1::5', to: 'fd00:2::7', protocol: 58, icmpType: 128, icmpCode: 0},
    },
    {
      name: 'a protocol without ports',
      given: {from: '10.1.0.5', to: '10.2.0.7', protocol: 47},
      flow: {from: '10.1.0.5', to: '10.2.0.7', protocol: 47},
    },
    {
      name: 'an id, kept as it was',
      given: {...FLOW, id: 'x-1'},
      flow: {from: '10.1.0.5', to: '10.2.0.7', protocol: 6, destinationPort: 5432, id: 'x-1'},
    },
    {
      name: 'null and absent are one',
      given: {...FLOW, sourcePort: null, type: undefined},
      flow: {from: '10.1.0.5', to: '10.2.0.7', protocol: 6, destinationPort: 5432},
    },
  ]
  for (const {name, given, flow} of good) {
    it(`reads ${name}`, () => assert.deepEqual(parseFlow(given), {ok: true, flow}))
  }

  const bad: {name: string; given: unknown; problem: RegExp}[] = [
    {name: 'no object', given: [FLOW], problem: /a flow is an object/},
    {name: 'null', given: null, problem: /a flow is an object/},
    {name: 'an unknown key', given: {...FLOW, dport: 1}, problem: /^dport: unknown; there is from, to/},
    {name: 'no source', given: {...FLOW, from: undefined}, problem: /^from: /},
    {name: 'a prefix for an address', given: {...FLOW, to: '10.2.0.0/16'}, problem: /^to: /},
    {name: 'two families', given: {...FLOW, to: 'fd00::1'}, problem: /of one family/},
    {name: 'no protocol', given: {...FLOW, protocol: undefined}, problem: /^protocol: icmp, tcp/},
    {name: 'protocol 0', given: {...FLOW, protocol: 0}, problem: /^protocol: /},
    {name: 'a name of Object', given: {...FLOW, protocol: 'constructor'}, problem: /^protocol: /},
    {name: 'no port', given: {...FLOW, port: undefined}, problem: /^port: missing/},
    {name: 'a port out of range', given: {...FLOW, port: 65536}, problem: /^port: /},
    {name: 'half a port', given: {...FLOW, port: 1.5}, problem: /^port: /},
    {name: 'a port of ICMP', given: {...FLOW, protocol: 'icmp'}, problem: /^port: /},
    {name: 'a type of TCP', given: {...FLOW, type: 8}, problem: /^type: /},
    {name: 'an object for an id', given: {...FLOW, id: {}}, problem: /^id: /},
  ]
  for (const {name, given, problem} of bad) {
    it(`refuses ${name}`, () => {
      const result = parseFlow(given)
      assert.ok(!result.ok)
      assert.match(result.problem, problem)
    })
  }
})
