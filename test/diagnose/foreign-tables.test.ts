import assert from 'node:assert/strict'
import {chainsIn, tablesIn} from '../../src/diagnose/index.ts'

const listing = (...objects: object[]): string =>
  JSON.stringify({nftables: [{metainfo: {version: '1.0.6'}}, ...objects]})
const rule = (...expr: object[]): object => ({rule: {family: 'ip', table: 't', chain: 'C', handle: 2, expr}})
const chain = {
  chain: {family: 'ip', table: 't', name: 'C', handle: 1, type: 'filter', hook: 'forward', prio: 0, policy: 'drop'},
}
const matches = (left: object, right: unknown, op = '=='): object => ({match: {op, left, right}})
const payload = (protocol: string, field: string): object => ({payload: {protocol, field}})

/** As nft 1.0 writes them. */
const rules: readonly (readonly [name: string, expr: object[], read: object])[] = [
  ['a verdict alone', [{counter: {packets: 1, bytes: 2}}, {drop: null}], {verdict: 'drop', matches: []}],
  ['reject with a type', [{reject: {type: 'tcp reset'}}], {verdict: 'reject', matches: []}],
  ['a jump', [{jump: {target: 'DOCKER'}}], {verdict: 'jump DOCKER', matches: []}],
  [
    'a device and a prefix',
    [
      matches({meta: {key: 'oifname'}}, 'eth0'),
      matches(payload('ip', 'saddr'), {prefix: {addr: '10.1.0.0', len: 16}}),
      {masquerade: null},
    ],
    {
      verdict: 'masquerade',
      matches: [
        {field: 'oifname', operator: '==', values: ['eth0']},
        {field: 'ip saddr', operator: '==', values: ['10.1.0.0/16']},
      ],
    },
  ],
  [
    'sets and ranges',
    [matches(payload('tcp', 'dport'), {set: [22, {range: [170, 180]}, 2379]}), {accept: null}],
    {verdict: 'accept', matches: [{field: 'tcp dport', operator: '==', values: ['22', '170-180', '2379']}]},
  ],
  [
    'connection states, as a bit mask',
    [matches({ct: {key: 'state'}}, ['established', 'related'], 'in'), {accept: null}],
    {verdict: 'accept', matches: [{field: 'ct state', operator: 'in', values: ['established', 'related']}]},
  ],
  [
    'what xtables says: a condition of which nothing is known, and its target',
    [{xt: {type: 'match', name: 'addrtype'}}, {xt: {type: 'target', name: 'MASQUERADE'}}],
    {verdict: 'masquerade', matches: [{field: 'xt addrtype', operator: '?', values: []}]},
  ],
  ['what is not understood decides nothing', [{mangle: {key: 1, value: 2}}], {verdict: '', matches: []}],
]

describe('tables of other programs', () => {
  for (const [name, expr, read] of rules) {
    it(name, () => {
      assert.deepEqual(chainsIn(listing(chain, rule(...expr))), [
        {name: 'C', hook: 'forward', type: 'filter', policy: 'drop', rules: [read]},
      ])
    })
  }

  it('the list of tables; and what is no answer of nft', () => {
    assert.deepEqual(tablesIn(listing({table: {family: 'inet', name: 'isthmus', handle: 1}})), [
      {family: 'inet', name: 'isthmus'},
    ])
    for (const text of ['', 'Error: no', '{}', '[]', 'null']) assert.equal(tablesIn(text), null, text)
    assert.deepEqual(chainsIn('nonsense'), [])
  })
})
