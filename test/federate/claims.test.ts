import assert from 'node:assert/strict'
import {type Claim, resolveClaims} from '../../src/federate/index.ts'
import {prefix, site} from '../support/sites.ts'

const claim = (name: string, text: string): Claim => ({site: site(name), prefix: prefix(text)})
const NET = '10.1.0.0/16'

describe('resolveClaims', () => {
  const cases: {name: string; claims: Claim[]; owned: Claim[]; contested: [Claim, Claim][]}[] = [
    {name: 'nothing claimed', claims: [], owned: [], contested: []},
    {name: 'one owner', claims: [claim('a', NET)], owned: [claim('a', NET)], contested: []},
    {
      name: 'said twice, still one owner',
      claims: [claim('a', NET), claim('a', NET)],
      owned: [claim('a', NET)],
      contested: [],
    },
    {
      name: 'two owners: neither has it',
      claims: [claim('b', NET), claim('a', NET)],
      owned: [],
      contested: [[claim('a', NET), claim('b', NET)]],
    },
    {
      name: 'one inside the other: neither has it',
      claims: [claim('a', '10.0.0.0/8'), claim('b', NET), claim('c', '10.2.0.0/16'), claim('d', '11.0.0.0/8')],
      owned: [claim('d', '11.0.0.0/8')],
      contested: [
        [claim('a', '10.0.0.0/8'), claim('b', NET)],
        [claim('a', '10.0.0.0/8'), claim('c', '10.2.0.0/16')],
      ],
    },
    {
      name: 'a site’s own prefixes may nest',
      claims: [claim('a', NET), claim('a', '10.1.1.0/24')],
      owned: [claim('a', NET), claim('a', '10.1.1.0/24')],
      contested: [],
    },
    {
      name: 'families do not meet',
      claims: [claim('a', '0.0.0.0/0'), claim('b', '::/0')],
      owned: [claim('a', '0.0.0.0/0'), claim('b', '::/0')],
      contested: [],
    },
  ]
  for (const {name, claims, owned, contested} of cases) {
    it(name, () => {
      const want = {owned, contested: contested.map(([a, b]) => ({a, b}))}
      assert.deepEqual(resolveClaims(claims), want)
      assert.deepEqual(resolveClaims(claims.toReversed()), want, 'order must not matter')
    })
  }
})
