import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {loadScenario} from '../../lab/scenario/load.ts'
import {ScenarioRefused} from '../../lab/scenario/refused.ts'

const GOOD = readFileSync(join(import.meta.dirname, '../../lab/scenarios/self-test.yaml'), 'utf8')
/** The good scenario without its steps; the cases bring theirs. */
const NETWORK = GOOD.slice(0, GOOD.indexOf('steps:'))

describe('loading a scenario', () => {
  let dir = ''
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-scenario-'))
  })
  afterEach(() => rmSync(dir, {recursive: true}))

  /** Loads `s.yaml` of these files and gives what it is refused with, without the folder; '' when it loads. */
  function problemsOf(files: Record<string, string>): string {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
    try {
      loadScenario(join(dir, 's.yaml'))
      return ''
    } catch (error) {
      if (!(error instanceof ScenarioRefused)) throw error
      return error.message.replaceAll(`${dir}/`, '')
    }
  }
  /** The steps as a file of their own, so that line 1 is the first step; the rest is as it should be. */
  const problemsOfSteps = (steps: string): string =>
    problemsOf({'s.yaml': `${NETWORK}steps: [{include: steps.yaml}]\n`, 'steps.yaml': steps})

  it('a good one loads, with what it leaves out filled in', () => {
    assert.equal(problemsOf({'s.yaml': GOOD}), '')
    const {scenario} = loadScenario(join(dir, 's.yaml'))
    assert.deepEqual([scenario.default, scenario.authority, scenario.steps.length], ['deny', 'a', 3])
  })

  it('`base` gives the keys that are missing, and only these; an included list stands in its place', () => {
    const files = {
      'base.yaml': `${NETWORK}default: allow\nauthority: b\n`,
      's.yaml': 'base: base.yaml\ndefault: deny\nsteps: [{include: i.yaml}, {event: {mend: all}}]\n',
      'i.yaml': '- event: {waitMs: 1}\n- event: {waitMs: 2}\n',
    }
    assert.equal(problemsOf(files), '')
    const {scenario} = loadScenario(join(dir, 's.yaml'))
    assert.deepEqual([scenario.default, scenario.authority], ['deny', 'b'])
    assert.deepEqual(
      scenario.steps.map((step) => 'event' in step && step.event),
      [{waitMs: 1}, {waitMs: 2}, {mend: 'all'}],
    )
  })

  const edits: [name: string, edit: [string, string], problem: string][] = [
    ['an unknown key', ['version: 1\n', 'version: 1\nversoin: 1\n'], 's.yaml:3: versoin: unknown key'],
    [
      'a value of no use',
      ['engine: frr', 'engine: cisco'],
      's.yaml:5: wan.routers.r1.engine: Invalid option: expected one of "frr"|"bird"',
    ],
    [
      'a node that is not there',
      ['node: na1,', 'node: nx,'],
      's.yaml:14: sites.a.pods.p1.node: no node nx; known: na1',
    ],
    [
      'a router that is not there',
      ['attach: r2', 'attach: r9'],
      's.yaml:39: sites.b.gateways.b1.attach: no router r9; known: r1, r2',
    ],
    ['a link to nowhere', ['[[r1, r2]]', '[[r1, r3]]'], 's.yaml:7: wan.links.0.1: no router r3; known: r1, r2'],
    [
      'a site that is not there',
      ['[a, b], enc', '[a, z], enc'],
      's.yaml:53: pairs.0.between.1: no site z; known: a, b',
    ],
    [
      'an authority that is not there',
      ['version: 1\n', 'version: 1\nauthority: z\n'],
      's.yaml:3: authority: no site z; known: a, b',
    ],
    [
      'a policy file that is not there',
      ['version: 1\n', 'version: 1\npolicies: [p.yaml]\n'],
      's.yaml:3: policies.0: no such file: p.yaml',
    ],
    [
      'a name for two namespaces',
      ['nb1: {}', 'a1: {}, nb1: {}'],
      's.yaml:35: sites.b.nodes.a1: a1 is already the name of sites.a.gateways.a1',
    ],
    [
      'an address for two pods',
      ['10.2.0.5', '10.1.0.5'],
      's.yaml:36: sites.b.pods.p1.address: 10.1.0.5 is already the name of sites.a.pods.p1.address',
    ],
    [
      'a name too long for a device',
      ['nb1: {}', 'nb1: {}, node-with-a-name: {}'],
      's.yaml:35: sites.b.nodes.node-with-a-name: too long: its device would be p-node-with-a-name',
    ],
  ]
  for (const [name, [from, to], problem] of edits) {
    it(`${name}: refused with file, line, path and what would be right`, () => {
      assert.ok(NETWORK.includes(from), 'the edit applies')
      assert.equal(problemsOf({'s.yaml': NETWORK.replace(from, to)}), problem)
    })
  }

  // Of steps, checks and events only the kind that was meant is told.
  const steps: [step: string, problem: string][] = [
    ['7', '0: Invalid input: expected object, received number'],
    ['{evnt: {}}', '0: one of check, event, during expected'],
    [
      '{check: {name: x, pong: {}, expect: ok, withinMs: 1}}',
      '0.check: one of ping, tcp, matrix, capture, routes, metric, status, counts, exec, consistent expected',
    ],
    ['{check: {ping: {from: a/p1, to: b/p1}, expect: ok}}', '0.check.name: missing; string expected'],
    [
      '{check: {name: x, ping: {from: a/p1, to: b/p1}, expect: fine}}',
      '0.check.expect: Invalid option: expected one of "ok"|"refused"',
    ],
    ['{check: {name: x, tcp: {from: a/p1, to: b/p1}, expect: open}}', '0.check.tcp.port: missing; number expected'],
    ['{check: {name: x, metric: {gateway: a/a1, query: x}, expect: {mix: 3}}}', '0.check.expect.mix: unknown key'],
    [
      '{check: {name: x, matrix: {probe: ping}}}',
      '0.check.allow: Invalid input: expected "all", or Invalid input: expected array, received undefined',
    ],
    [
      '{event: {putt: 1}}',
      '0.event: one of put, putRaw, delete, kill, start, exec, cut, mend, waitMs, until, partition, compact, backup, restore, alarm, removeMember, addMember, renew, clock, fill expected',
    ],
    ['{event: {mend: all, waitMs: 1}}', '0.event.waitMs: unknown key'],
    [
      '{event: {kill: a/a1/frr}}',
      '0.event.kill: SITE/NAME/PART expected; parts are isthmus, bird, etcd, etcd1, etcd2, etcd3, leader',
    ],
    ['{event: {kill: z/z1/bird}}', '0.event.kill: no gateway z/z1; known: a/a1, b/b1'],
    ['{event: {start: a/b1/bird}}', '0.event.start: no gateway a/b1; known: a/a1, b/b1'],
    ['{event: {cut: [a/a1, c/c1]}}', '0.event.cut.1: no gateway c/c1; known: a/a1, b/b1'],
    ['{event: {exec: {in: x, command: y}}}', noPlace('0.event.exec.in')],
    ['{event: {kill: a/main/etcd2}}', '0.event.kill: no member a/main/etcd2; known: a/main/etcd1, b/main/etcd1'],
    ['{event: {kill: a/a1/leader}}', '0.event.kill: no datastore a/a1; known: a/main, b/main'],
    ['{event: {clock: a/a1, offsetHours: 1}}', '0.event.clock: no gateway with a clock a/a1; known: none'],
    ['{event: {fill: a/main, full: true}}', '0.event.fill: no disk a/main; known: none'],
    ['{event: {restore: a/x}}', '0.event.restore: no datastore a/x; known: a/main, b/main'],
    [
      '{event: {partition: {gateway: a/a1, from: b/x}}}',
      '0.event.partition.from: no datastore b/x; known: a/main, b/main, a/main/etcd1, b/main/etcd1',
    ],
    ['{check: {name: x, consistent: {gateway: a/x}}}', '0.check.consistent.gateway: no gateway a/x; known: a/a1, b/b1'],
    [
      '{event: {putRaw: {datastore: a/x, key: k, text: t}}}',
      '0.event.putRaw.datastore: no datastore a/x; known: a/main, b/main',
    ],
    [
      '{event: {delete: {datastore: c/main, key: k}}}',
      '0.event.delete.datastore: no datastore c/main; known: a/main, b/main',
    ],
    ['{event: {put: {datastore: a/main, resource: pod.yaml}}}', '0.event.put.resource: no such file: pod.yaml'],
    [
      '{check: {name: x, ping: {from: a/p9, to: b/p1}, expect: ok}}',
      '0.check.ping.from: no pod a/p9; known: a/p1, b/p1',
    ],
    [
      '{check: {name: x, matrix: {probe: ping}, allow: [[a/p1, b/p2]]}}',
      '0.check.allow.0.1: no pod b/p2; known: a/p1, b/p1',
    ],
    ['{check: {name: x, routes: {of: x}, expect: {}}}', noPlace('0.check.routes.of')],
    [
      '{check: {name: x, capture: {on: x, filter: ip, while: {from: a/p1, to: b/p1}}, expect: {packets: 0}}}',
      noPlace('0.check.capture.on'),
    ],
    ['{check: {name: x, exec: {in: x, command: y}, expect: {}}}', noPlace('0.check.exec.in')],
    [
      '{check: {name: x, metric: {gateway: a/b1, query: q}, expect: 1}}',
      '0.check.metric.gateway: no gateway a/b1; known: a/a1, b/b1',
    ],
    [
      '{check: {name: x, status: {gateway: a/b1, path: q}, expect: 1}}',
      '0.check.status.gateway: no gateway a/b1; known: a/a1, b/b1',
    ],
    [
      '{during: {name: x, events: [{cut: all}], traffic: {}, expect: {}}}',
      '0.during.events.0.cut: Invalid input: expected "tunnels", or Invalid input: expected tuple, received string',
    ],
    [
      '{during: {name: x, events: [{kill: a/z/etcd}], traffic: {}, expect: {}}}',
      '0.during.events.0.kill: no gateway or datastore a/z; known: a/a1, b/b1, a/main, b/main',
    ],
    [
      '{during: {name: x, events: [], traffic: {udp: {from: a/p1, to: b/p7}}, expect: {}}}',
      '0.during.traffic.udp.to: no pod b/p7; known: a/p1, b/p1',
    ],
  ]
  for (const [step, problem] of steps) {
    it(`step ${step}`, () => assert.equal(problemsOfSteps(`- ${step}\n`), `steps.yaml:1: ${problem}`))
  }

  it('every mistake of every file is told at once, each of the file and line where it stands', () => {
    const files = {
      'base.yaml': `${NETWORK}bogus: 1\n`,
      's.yaml': `base: base.yaml
default: maybe
steps:
  - include: i.yaml
  - check:
      name: x
      ping:
        from: a/p1
      expect: ok
`,
      'i.yaml': `- event: {mend: all}
- check: {name: x, tcp: {from: a/p1, to: b/p1, port: 0}, expect: shut}
- event: {kill: z/z1/bird}
`,
    }
    assert.deepEqual(problemsOf(files).split('\n'), [
      's.yaml:2: default: Invalid option: expected one of "allow"|"deny"',
      'i.yaml:2: 1.check.tcp.port: Too small: expected number to be >=1',
      'i.yaml:2: 1.check.expect: Invalid option: expected one of "open"|"refused"',
      's.yaml:7: steps.1.check.ping.to: missing; string expected',
      `base.yaml:${NETWORK.split('\n').length}: bogus: unknown key`,
    ])
  })

  it('a step that cannot be read does not hide that another names nobody', () => {
    assert.deepEqual(problemsOfSteps('- event: {waitMs: soon}\n- event: {kill: z/z1/bird}\n').split('\n'), [
      'steps.yaml:1: 0.event.waitMs: Invalid input: expected number, received string',
      'steps.yaml:2: 1.event.kill: no gateway z/z1; known: a/a1, b/b1',
    ])
  })

  it('what is not YAML, in whichever file, and what cannot be read', () => {
    const files = {
      's.yaml': 'base: none.yaml\nsteps: [{include: i.yaml}, {include: j.yaml}]\n',
      'i.yaml': '- [1\n- 2',
      'j.yaml': 'a: 1',
    }
    const lines = problemsOf(files).split('\n')
    assert.match(lines[0]!, /^none\.yaml: cannot be read: ENOENT/)
    assert.match(lines[1]!, /^i\.yaml:\d: not YAML: /)
    assert.equal(lines.at(-1), 'j.yaml:1: a list of steps expected')
    assert.match(problemsOf({'s.yaml': 'version: [1'}), /^s\.yaml:1: not YAML: /)
    assert.equal(problemsOf({'s.yaml': '- 1'}), 's.yaml:1: a map of keys expected')
  })
})

function noPlace(path: string): string {
  return `${path}: no place x; known: r1, r2, a1, na1, b1, nb1, a/p1, b/p1, a/a1, b/b1, a.lan, b.lan`
}
