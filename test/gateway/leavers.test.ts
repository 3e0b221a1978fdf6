import assert from 'node:assert/strict'
import type {ExportOwner} from '../../src/apply/index.ts'
import {Claims, type Naming, namingOf, namingText} from '../../src/gateway/claims.ts'
import {publishFindings} from '../../src/gateway/leaver-findings.ts'
import {Leavers} from '../../src/gateway/leavers.ts'
import type {GatewayName} from '../../src/model/index.ts'
import {configOf, site} from '../support/sites.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const OWN: Naming = {datastores: ['main'], gateways: ['a1', 'a2']}
const living = (...all: [string, Naming | null][]): ReadonlyMap<string, Naming | null> => new Map([['a1', OWN], ...all])
const leavers = () => new Leavers({naming: OWN, datastoresMs: 300, gatewaysMs: 1000})
const ofSecond: Naming = {datastores: ['main', 'second'], gateways: ['a1', 'a2']}

describe('what leaves the export', () => {
  /** At each time: who lives; then what of the owners stays. */
  const cases: {
    name: string
    owner: ExportOwner
    steps: [atMs: number, alive: ReadonlyMap<string, Naming | null>, stays: boolean][]
  }[] = [
    {
      name: 'a datastore that no living gateway names goes after its time',
      owner: 'datastore/second',
      steps: [
        [0, living(), true],
        [299, living(), true],
        [300, living(), false],
        [301, living(), false],
      ],
    },
    {
      name: 'one that a living twin names stays, and its time begins when that one is gone',
      owner: 'datastore/second',
      steps: [
        [0, living(), true],
        [200, living(['a2', ofSecond]), true],
        [5000, living(['a2', ofSecond]), true],
        [5001, living(), true],
        [5300, living(), true],
        [5301, living(), false],
      ],
    },
    {
      name: 'one that a twin drops from its configuration goes after its time',
      owner: 'datastore/second',
      steps: [
        [0, living(['a2', ofSecond]), true],
        [1, living(['a2', OWN]), true],
        [301, living(['a2', OWN]), false],
      ],
    },
    {
      name: 'what a living gateway names that cannot be read may be anything',
      owner: 'datastore/second',
      steps: [
        [0, living(['a2', null]), true],
        [9999, living(['a2', null]), true],
      ],
    },
    {
      name: 'its own datastores are as it wants them, at once',
      owner: 'datastore/main',
      steps: [[0, living(), false]],
    },
    {
      name: 'the twin that is named stays, however long it is dead',
      owner: 'gateway/a2',
      steps: [
        [0, living(), true],
        [1e9, living(), true],
      ],
    },
    {
      name: 'a gateway that nobody names stays while it lives, and then for its time',
      owner: 'gateway/a3',
      steps: [
        [0, living(['a3', OWN]), true],
        [5000, living(['a3', OWN]), true],
        [5001, living(), true],
        [6000, living(), true],
        [6001, living(), false],
      ],
    },
    {
      name: 'a dead gateway that the twin names stays',
      owner: 'gateway/a3',
      steps: [
        [0, living(['a2', {datastores: [], gateways: ['a2', 'a3']}]), true],
        [9999, living(['a2', {datastores: [], gateways: ['a2', 'a3']}]), true],
      ],
    },
  ]
  for (const {name, owner, steps} of cases) {
    it(name, () => {
      const one = leavers()
      for (const [atMs, alive, stays] of steps) {
        const staying = one.look([owner], alive, atMs)
        assert.deepEqual(
          staying.map((it) => it.owner),
          stays ? [owner] : [],
          `at ${atMs} ms`,
        )
      }
    })
  }

  it('one that is there again later has all its time again', () => {
    const one = leavers()
    one.look(['datastore/second'], living(), 0)
    one.look([], living(), 100)
    assert.equal(one.look(['datastore/second'], living(), 350)[0]?.leftMs, 300)
  })

  it('the leader’s findings name what differs and who names it; what is as it should be has none', () => {
    const state = {leader: 'a1', leads: true, leaseAgeSeconds: 0, nameTaken: false, lastError: null}
    const staying = leavers().look(['datastore/second', 'gateway/a2', 'gateway/a3'], living(['a2', ofSecond]), 0)
    const findings = publishFindings(site('a'), 'a1' as GatewayName, state, staying)
    assert.deepEqual(
      findings.map(({code, detail}) => [code, detail]),
      [
        ['export-not-named', 'the export has records of datastore second, which a1 does not name: a2 still names it'],
        [
          'export-not-named',
          'the export has records of gateway a3, which a1 does not name: no living gateway names it; they go after a time',
        ],
      ],
    )
    assert.deepEqual(publishFindings(site('a'), 'a1' as GatewayName, {...state, leads: false}, staying), [])
  })
})

describe('claims', () => {
  it('are read back as they are written, and what cannot be read names null', () => {
    const naming = namingOf(configOf({twin: 'a2' as GatewayName}))
    assert.deepEqual(naming, {datastores: ['main', 'second'], gateways: ['a1', 'a2']})
    const claims = new Claims()
    const put = (key: string, text: string) => ({key: `/isthmus/v1/${key}`, value: bytes(text), modRevision: 5})
    const broken = ['', '{', 'null', '[]', '{"datastores":[1],"gateways":[]}', '{"datastores":[]}']
    claims.take({
      type: 'list',
      revision: 9,
      upserts: [
        put('alive/a1', namingText(naming)),
        ...broken.map((text, i) => put(`alive/x${i}`, text)),
        put('alive/newer', '{"datastores":["d"],"gateways":[],"novelty":1}'),
        put('leader', '{"gateway":"a1"}'),
        put('export/meta', '{}'),
      ],
      deletes: [],
    })
    assert.deepEqual(
      [...claims.living()],
      [['a1', naming], ...broken.map((_, i) => [`x${i}`, null]), ['newer', {datastores: ['d'], gateways: []}]],
    )
    assert.equal(claims.leader(), 'a1')
    claims.take({type: 'changes', revision: 10, upserts: [put('leader', '{')], deletes: ['/isthmus/v1/alive/a1']})
    assert.deepEqual([claims.leader(), claims.living().has('a1'), claims.revision], [null, false, 10])
    claims.take({type: 'list', revision: 3, upserts: [], deletes: []})
    assert.equal(claims.living().size, 0)
  })
})
