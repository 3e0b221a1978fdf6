import assert from 'node:assert/strict'
import {setImmediate as turn} from 'node:timers/promises'
import {createMemberCounts} from '../../src/gateway/member-counts.ts'
import type {AttributeSet, AttributeSetId, Member, SourceId} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'
import {prefix, site} from '../support/sites.ts'

const POD = 'pod' as AttributeSetId
const SET = 'set' as AttributeSetId
const attributes = new Map<AttributeSetId, AttributeSet>([
  [POD, {kind: 'pod'} as AttributeSet],
  [SET, {kind: 'set'} as AttributeSet],
])

describe('members by site', () => {
  const member = (name: string, id: AttributeSetId): Member => ({
    ...{site: site(name), attributes: id, source: 'datastore/main' as SourceId, names: [], modRevision: 1},
  })
  const table = (count: number): Map<Prefix, readonly Member[]> =>
    new Map(
      Array.from({length: count}, (_, index) => [
        prefix(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`),
        [member('a', POD)],
      ]),
    )

  it('few are counted at once', () => {
    const members = table(10)
    members.set(prefix('192.0.2.0/24'), [member('b', SET), member('b', POD)])
    const counts = createMemberCounts()({members, memberRevision: 1, attributes})
    assert.deepEqual(
      [...counts],
      [
        ['a', {pods: 10, hosts: 0, sets: 0, staticPrefixes: 0}],
        ['b', {pods: 1, hosts: 0, sets: 1, staticPrefixes: 0}],
      ],
    )
  })

  it('the same table is not counted twice; many are counted beside', async () => {
    const members = table(30_000)
    const count = createMemberCounts()
    const first = count({members, memberRevision: 1, attributes})
    assert.equal(first.get(site('a'))?.pods, 30_000)
    members.delete(prefix('10.0.0.7/32'))
    assert.equal(count({members, memberRevision: 1, attributes}), first, 'the number is the same')
    assert.equal(count({members, memberRevision: 2, attributes}), first, 'as before, while it is counted')
    for (let waited = 0; waited < 1000; waited++) {
      if (count({members, memberRevision: 2, attributes}) !== first) break
      await turn()
    }
    assert.equal(count({members, memberRevision: 2, attributes}).get(site('a'))?.pods, 29_999)
  })
})
