import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, changesOf, configOf, listOf} from '../support/sites.ts'

const pool = (name: string, cidr: string, spec: object = {}, annotations: object = {}) =>
  rawRecord(`${CALICO}ippools/${name}`, {metadata: {name, annotations}, spec: {cidr, ...spec}})
const node = (name: string, ipv4Address: string) =>
  rawRecord(`${CALICO}nodes/${name}`, {metadata: {name}, spec: {bgp: {ipv4Address}}})
const HIDING = pool('pods', '10.1.0.0/16', {natOutgoing: true})

/** Sites b (10.2/16) and c (10.3/16) are known. */
function exposures(...records: ReturnType<typeof rawRecord>[]): string[] {
  const federation = new Federation(configOf())
  federation.update(listOf('datastore/main', [node('n1', '192.168.0.1/24'), ...records]))
  return federation
    .world()
    .nat.map(({source, pools, prefixes, nodes}) =>
      [source, pools, '→', prefixes, ...nodes.map(({name, addresses}) => `${name} ${addresses}`)].join(' '),
    )
}

describe('where nodes hide pods behind their own address', () => {
  const cases: [what: string, records: ReturnType<typeof rawRecord>[], found: string[]][] = [
    [
      'a pool that does SNAT, to all remote prefixes',
      [HIDING],
      ['datastore/main pods → 10.2.0.0/16,10.3.0.0/16 n1 192.168.0.1'],
    ],
    ['none does SNAT', [pool('pods', '10.1.0.0/16')], []],
    [
      'a disabled pool holds one of them, as write-back makes it',
      [HIDING, pool('isthmus-b', '10.2.0.0/16', {disabled: true}, {'isthmus.io/owner': 'a'})],
      ['datastore/main pods → 10.3.0.0/16 n1 192.168.0.1'],
    ],
    ['a larger pool holds all', [HIDING, pool('all', '10.0.0.0/8', {disabled: true})], []],
    [
      'a smaller pool holds a part',
      [HIDING, pool('part', '10.2.0.0/17', {disabled: true}), pool('c', '10.3.0.0/16', {disabled: true})],
      ['datastore/main pods → 10.2.0.0/16 n1 192.168.0.1'],
    ],
    [
      'a pool for load balancers exempts nothing, and hides nobody',
      [pool('lb', '10.0.0.0/8', {natOutgoing: true, allowedUses: ['LoadBalancer']}), HIDING],
      ['datastore/main pods → 10.2.0.0/16,10.3.0.0/16 n1 192.168.0.1'],
    ],
    ['a pool of the other family', [pool('six', 'fd00:1::/64', {natOutgoing: true})], []],
  ]
  for (const [what, records, found] of cases) it(what, () => assert.deepEqual(exposures(...records), found))

  it('ends with the pool that was missing, is each datastore’s own, and the same object otherwise', () => {
    const federation = new Federation(configOf())
    federation.update(listOf('datastore/main', [HIDING]))
    federation.update(listOf('datastore/second', [pool('all', '10.0.0.0/8')]))
    const {nat} = federation.world()
    assert.deepEqual(
      nat.map(({source}) => source),
      ['datastore/main'],
    )
    federation.update(changesOf('datastore/second', [pool('more', '10.9.0.0/16')]))
    assert.equal(federation.world().nat, nat)
    federation.update(changesOf('datastore/main', [pool('all', '10.0.0.0/8', {disabled: true})]))
    assert.deepEqual(federation.world().nat, [])
  })
})
