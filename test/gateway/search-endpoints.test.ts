import assert from 'node:assert/strict'
import {searchEndpoints} from '../../src/gateway/search-endpoints.ts'
import {attributes, world} from '../policy/worlds.ts'

const web = attributes('pod', {labels: {app: 'web'}})
const other = attributes('pod', {labels: {app: 'database', tier: 'back'}})
const known = world(
  [
    {at: '10.1.0.5', site: 'a', set: web},
    {at: '10.1.0.6', site: 'a', set: web},
    {at: '10.2.0.7', site: 'b', set: other},
    {at: 'fd00:2::1', site: 'b', set: other},
  ],
  [],
  [],
)
const ALL = {text: '', selector: '', site: null, limit: 50, after: 0}

describe('searchEndpoints', () => {
  const cases: {name: string; search: Partial<typeof ALL> | {site: string}; found: string[]}[] = [
    {name: 'all', search: {}, found: ['10.1.0.5', '10.1.0.6', '10.2.0.7', 'fd00:2::1']},
    {name: 'a part of an address', search: {text: '.0.7'}, found: ['10.2.0.7']},
    {name: 'a label with its value, in any case', search: {text: 'APP=data'}, found: ['10.2.0.7', 'fd00:2::1']},
    {name: 'a selector', search: {selector: "app == 'web'"}, found: ['10.1.0.5', '10.1.0.6']},
    {name: 'a selector and a text', search: {selector: 'has(tier)', text: 'fd00'}, found: ['fd00:2::1']},
    {name: 'a site', search: {site: 'b'}, found: ['10.2.0.7', 'fd00:2::1']},
    {name: 'nothing', search: {text: 'nowhere'}, found: []},
  ]
  for (const {name, search, found} of cases) {
    it(name, () => {
      const page = searchEndpoints(known, {...ALL, ...search})
      assert.ok('items' in page)
      assert.deepEqual(page.items.map(({address}) => address).sort(), found.toSorted())
      assert.equal(page.next, null)
    })
  }

  it('goes on from page to page and gives each once, also where a look is short', () => {
    for (const [limit, looks] of [
      [1, 100],
      [50, 1],
      [3, 2],
    ] as const) {
      const found: string[] = []
      let after: number | null = 0
      while (after !== null) {
        const page = searchEndpoints(known, {...ALL, limit, after}, looks)
        assert.ok('items' in page)
        assert.ok(page.items.length <= limit)
        found.push(...page.items.map(({address}) => address))
        after = page.next
      }
      assert.deepEqual(found.sort(), ['10.1.0.5', '10.1.0.6', '10.2.0.7', 'fd00:2::1'])
    }
  })

  it('says what is wrong with a selector', () => {
    assert.deepEqual(searchEndpoints(known, {...ALL, selector: 'app =='}), {
      refused: 'bad-request',
      message: 'selector: expected a quoted string at character 7 of app ==',
    })
  })
})
