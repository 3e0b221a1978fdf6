import assert from 'node:assert/strict'
import type {Rows} from '../../../src/api/client.ts'
import {judgeSite, type SiteFacts} from '../../../src/cli/end-to-end/judge-site.ts'
import {type Proof, proofLines, statusOf} from '../../../src/cli/end-to-end/proof.ts'
import {parsePrefix} from '../../../src/net/index.ts'
import {STATUS} from '../../support/fake-view.ts'

const TUNNEL: Rows['tunnels'] = STATUS.tunnels[0]!
const PREFIX = parsePrefix('10.2.0.0/16')!
const PEER: Rows['peers'] = {
  ...{name: TUNNEL.name, kind: 'tunnel', session: 'tun_b', address: '100.64.2.0', as: 2, state: 'Established'},
  ...{up: true, since: null, bfd: true, received: 3, accepted: 3, filtered: 0, exported: 3},
  ...{limit: null, overLimit: false, lastError: null},
}
const ANSWERED = {sent: 1, received: 1, minMs: 1, avgMs: 1, maxMs: 1, told: null, problem: null}
const LOST = {...ANSWERED, received: 0, minMs: null, avgMs: null, maxMs: null}
const LOOK = {
  flow: '10.1.0.5 → 10.2.0.5 tcp 80',
  daemon: 'allow',
  kernel: 'allow',
  chain: 'v_1',
  trace: 'trace',
} as const
const ROUTES = {
  routes: [
    {prefix: PREFIX, devices: []},
    {prefix: parsePrefix('10.2.0.0/26')!, devices: [TUNNEL.device]},
  ],
  looked: [{address: '10.2.0.5', device: TUNNEL.device, source: '10.1.0.1'}],
}

const FINE: SiteFacts = {
  site: 'b',
  row: {...STATUS.sites[0]!, name: 'b', local: false, state: 'fresh', presence: 'open'},
  source: {...STATUS.datastores[1]!, connected: true, synced: true, restored: false, lastError: null},
  tunnels: [{tunnel: TUNNEL, peers: [PEER], small: ANSWERED, full: true}],
  ways: {site: 'b', prefixes: [PREFIX], devices: [TUNNEL.device]},
  kernel: {seen: ROUTES},
  policy: {seen: [LOOK, {...LOOK, daemon: 'deny', kernel: 'deny'}]},
}
const [TUNNEL_FACTS] = FINE.tunnels!

const bad = (proofs: readonly Proof[]): string[] =>
  proofs.filter(({result}) => result !== 'ok').map(({check, result}) => `${result} ${check}`)

describe('what a test of a site proves', () => {
  it('all of it, where all is well', () => {
    const proofs = judgeSite(FINE)
    assert.deepEqual(bad(proofs), [])
    assert.deepEqual(
      proofs.map(({check}) => check),
      ['datastore', `tunnel ${TUNNEL.name}`, `session ${TUNNEL.name}`, 'routes', 'no way around', 'policy'],
    )
    assert.equal(statusOf(proofs), 0)
  })

  const tunnel = (more: object): Partial<SiteFacts> => ({tunnels: [{...TUNNEL_FACTS!, ...more}]})
  const kernel = (more: object): Partial<SiteFacts> => ({kernel: {seen: {...ROUTES, ...more}}})
  const source = (more: object): Partial<SiteFacts> => ({source: {...FINE.source!, ...more}})
  const cases: readonly [why: string, facts: Partial<SiteFacts>, wrong: string, evidence: RegExp, status: number][] = [
    ['not heard of', {source: null}, 'failed datastore', /has not heard/, 1],
    [
      'not connected',
      source({connected: false, lastError: 'EREFUSED'}),
      'failed datastore',
      /not connected.*EREFUSED/,
      1,
    ],
    ['from disk', source({restored: true}), 'failed datastore', /came from disk/, 1],
    ['suspect', {row: {...FINE.row!, state: 'suspect'}}, 'failed datastore', /knowledge suspect/, 1],
    ['closed', {row: {...FINE.row!, presence: 'closed'}}, 'failed datastore', /in force closed/, 1],
    ['a tunnel down', tunnel({tunnel: {...TUNNEL, up: false}}), `failed tunnel ${TUNNEL.name}`, /: down/, 1],
    ['nothing passes', tunnel({small: LOST}), `failed tunnel ${TUNNEL.name}`, /small packet is not: no answer/, 1],
    ['small ones only', tunnel({full: false}), `failed tunnel ${TUNNEL.name}`, /1480 bytes, whole, is not answered/, 1],
    ['no device', tunnel({full: null}), `failed tunnel ${TUNNEL.name}`, /has no MTU/, 1],
    ['no session', tunnel({peers: []}), `failed session ${TUNNEL.name}`, /no session over it/, 1],
    [
      ...(['a session down', tunnel({peers: [{...PEER, up: false, state: 'Active'}]})] as const),
      ...([`failed session ${TUNNEL.name}`, /tun_b Active/, 1] as const),
    ],
    [
      ...(['BFD down', tunnel({peers: [PEER, {...PEER, bfd: false}]})] as const),
      ...([`failed session ${TUNNEL.name}`, /BFD down/, 1] as const),
    ],
    ['no tunnel', {tunnels: []}, 'failed tunnels', /no tunnel on the way/, 1],
    ['none by configuration', {tunnels: null}, 'skipped tunnels', /encapsulation: none/, 0],
    ['no route', kernel({routes: [ROUTES.routes[0]]}), 'failed routes', /^0 routes/, 1],
    [
      ...(['unreachable', kernel({looked: [{address: '10.2.0.9', device: null, source: null}]})] as const),
      ...(['failed routes', /10\.2\.0\.9 is unreachable/, 1] as const),
    ],
    [
      ...(['by another device', kernel({looked: [{address: '10.2.0.9', device: 'wan', source: '1.2.3.4'}]})] as const),
      ...(['failed routes', /10\.2\.0\.9 goes out by wan/, 1] as const),
    ],
    [
      'falls through',
      kernel({routes: [ROUTES.routes[1]]}),
      'failed no way around',
      /10\.2\.0\.0\/16 of b: not there/,
      1,
    ],
    [
      'leaks',
      kernel({routes: [...ROUTES.routes, {prefix: parsePrefix('10.2.7.0/24')!, devices: ['wan']}]}),
      ...(['failed no way around', /10\.2\.7\.0\/24 of b: by wan/, 1] as const),
    ],
    ['judged otherwise', {policy: {seen: [LOOK, {...LOOK, kernel: 'deny'}]}}, 'failed policy', /^1 of 2 flows/, 1],
    ['not judged', {policy: {seen: [{...LOOK, kernel: null}]}}, 'failed policy', /the kernel neither/, 1],
    ['nobody to judge', {policy: {seen: []}}, 'skipped policy', /no endpoint/, 0],
    ['a closed site', {policy: {seen: [{...LOOK, daemon: 'closed', kernel: 'allow'}]}}, 'skipped policy', /closed/, 0],
    ['no root', {policy: {why: 'nft: Operation not permitted'}}, 'unknown policy', /not permitted/, 3],
  ]
  for (const [why, facts, wrong, evidence, status] of cases) {
    it(`${why}: ${wrong}, and nothing else`, () => {
      const proofs = judgeSite({...FINE, ...facts})
      assert.deepEqual(bad(proofs), [wrong])
      const [proof] = proofs.filter(({result}) => result !== 'ok')
      assert.match(proof!.evidence.join('\n'), evidence)
      assert.equal(statusOf(proofs), status)
      if (status !== 0) assert.notEqual(proof!.next, null)
    })
  }

  it('what fails counts more than what was not looked at; nothing at all is no success', () => {
    const both = judgeSite({...FINE, source: null, kernel: {why: 'no ip'}})
    assert.deepEqual(bad(both), ['failed datastore', 'unknown routes', 'unknown no way around'])
    assert.equal(statusOf(both), 1)
    assert.equal(statusOf([]), 3)
  })

  it('is told with what to do next', () => {
    const [proof] = judgeSite({...FINE, source: null})
    const lines = proofLines(proof!, (word) => word)
    assert.deepEqual(lines, [
      'no b datastore: this gateway has not heard of it',
      '      next: isthmus diagnose datastore b',
    ])
  })
})
