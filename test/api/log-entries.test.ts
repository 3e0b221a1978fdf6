import assert from 'node:assert/strict'
import type {Watched} from '../../src/api/index.ts'
import {logEntries} from '../../src/api/log-entries.ts'
import type {Finding} from '../../src/model/index.ts'
import {WATCHED} from '../support/fake-view.ts'

const finding = (detail: string, key?: string): Finding => ({
  ...{code: 'record-not-json', severity: 'error', detail},
  where: {source: 'datastore main', ...(key === undefined ? {} : {key})},
})

describe('entries of the log', () => {
  const [up, down] = WATCHED.tunnels
  const [session] = WATCHED.sessions
  const [main, other] = WATCHED.datastores
  const cases: {name: string; before?: Partial<Watched>; now: Partial<Watched>; want: string[]}[] = [
    {name: 'nothing', now: {}, want: []},
    {
      name: 'a tunnel goes down, the other comes up',
      now: {
        tunnels: [
          {...up!, up: false},
          {...down!, up: true},
        ],
      },
      want: ['error tunnel-down wan b/b1/wan 0: tunnel is down', 'info tunnel-up wan c/c1/wan 0: tunnel is up'],
    },
    {
      name: 'a tunnel comes, another goes',
      now: {tunnels: [up!, {name: 'wan d/d1/wan 0', up: true}]},
      want: [
        'info tunnel-added wan d/d1/wan 0: tunnel is new and up',
        'info tunnel-removed wan c/c1/wan 0: tunnel is wanted no more',
      ],
    },
    {
      name: 'a session ends, with what BIRD says',
      now: {sessions: [{...session!, up: false, lastError: 'Hold timer expired'}]},
      want: ['error session-down tun_b_b1_wan_1f2e3d: session is down: Hold timer expired'],
    },
    {
      name: 'a session that is gone was up',
      now: {sessions: []},
      want: ['error session-down tun_b_b1_wan_1f2e3d: session is down'],
    },
    {
      name: 'a session comes up',
      before: {sessions: []},
      now: {},
      want: ['info session-up tun_b_b1_wan_1f2e3d: session is up'],
    },
    {
      name: 'datastores',
      now: {
        datastores: [
          {...main!, connected: false, lastError: 'ECONNREFUSED'},
          {...other!, connected: true},
        ],
      },
      want: [
        'error datastore-lost datastore/main: datastore does not answer: ECONNREFUSED',
        'info datastore-back export/b: datastore answers',
      ],
    },
    {
      name: 'a site is suspected',
      now: {sites: [WATCHED.sites[0]!, {name: 'b', state: 'suspect'}]},
      want: ['warning site-state b: site was fresh and is suspect'],
    },
    {
      name: 'a site is withdrawn',
      now: {sites: [WATCHED.sites[0]!, {name: 'b', state: 'withdrawn'}]},
      want: ['error site-state b: site was fresh and is withdrawn'],
    },
    {
      name: 'a configuration that waits',
      now: {config: {version: 3, how: 'applied', pending: true}},
      want: ['info config-applied version 3: configuration applied, until it is confirmed'],
    },
    {
      name: 'a configuration that is confirmed',
      before: {config: {version: 3, how: 'applied', pending: true}},
      now: {config: {version: 3, how: 'applied', pending: false}},
      want: ['info config-confirmed version 3: configuration confirmed'],
    },
    {
      name: 'a configuration that came back',
      now: {config: {version: 4, how: 'rolled back', pending: false}},
      want: ['warning config-rolled-back version 4: configuration rolled back'],
    },
    {
      name: 'drain',
      now: {drainingSince: '2026-01-02T03:04:05.000Z'},
      want: ['warning drain-began gateway: others are asked to use another way'],
    },
    {
      name: 'drain ends',
      before: {drainingSince: '2026-01-02T03:04:05.000Z'},
      now: {},
      want: ['info drain-ended gateway: traffic is asked for again'],
    },
    {name: 'another leader', now: {leader: 'a2'}, want: ['info leader-changed a2: a2 writes the export']},
    {
      name: 'no leader',
      now: {leader: null},
      want: ['warning leader-changed a1: a1 writes the export no more, and nobody else does'],
    },
    {
      name: 'policy documents',
      before: {
        policies: [
          {name: 'GlobalNetworkPolicy web', document: {order: 1}},
          {name: 'Tier old', document: {}},
        ],
      },
      now: {
        policies: [
          {name: 'GlobalNetworkPolicy web', document: {order: 2}},
          {name: 'Tier new', document: {}},
        ],
      },
      want: [
        'info policy-changed GlobalNetworkPolicy web: policy document is another',
        'info policy-added Tier new: policy document is new',
        'info policy-removed Tier old: policy document is gone',
      ],
    },
    {
      name: 'documents made anew that say the same',
      now: {policies: WATCHED.policies.map(({name, document}) => ({name, document: {...document}}))},
      want: [],
    },
    {
      name: 'findings',
      before: {findings: [finding('no JSON', '/a')]},
      now: {findings: [finding('no JSON', '/b')]},
      want: [
        'error finding-appeared datastore main /b: record-not-json: no JSON',
        'info finding-ended datastore main /a: record-not-json: no JSON',
      ],
    },
    {
      name: 'a finding whose seconds go on is the same',
      before: {findings: [finding('silent for 12 s, 4 % lost')]},
      now: {findings: [finding('silent for 13.5 s, 5 % lost')]},
      want: [],
    },
    {
      name: 'a finding about another address is another',
      before: {findings: [finding('no answer from 10.0.0.1')]},
      now: {findings: [finding('no answer from 10.0.0.2')]},
      want: [
        'error finding-appeared datastore main: record-not-json: no answer from 10.0.0.2',
        'info finding-ended datastore main: record-not-json: no answer from 10.0.0.1',
      ],
    },
  ]
  for (const {name, before = {}, now, want} of cases) {
    it(name, () => {
      const entries = logEntries({...WATCHED, ...before}, {...WATCHED, ...now})
      assert.deepEqual(
        entries.map(({severity, code, object, what}) => `${severity} ${code} ${object}: ${what}`),
        want,
      )
    })
  }

  it('a flood is told by its first ones and its size', () => {
    const findings = Array.from({length: 5000}, (_, index) => finding('no JSON', `/key${index}`))
    const entries = logEntries({...WATCHED, findings: []}, {...WATCHED, findings})
    assert.equal(entries.length, 101)
    assert.equal(entries.at(-1)?.what, '4900 more changes of findings at this moment')
  })
})
