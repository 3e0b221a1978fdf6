import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {inNamespace} from '../../lab/processes.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import type {Check, During, Event} from '../../lab/scenario/schema.ts'
import {adminClient} from '../../lab/site/etcd.ts'
import {makeHappen} from '../../lab/steps/events.ts'
import {look} from '../../lab/steps/look.ts'
import {runSteps} from '../../lab/steps/run.ts'
import {runDuring} from '../../lab/steps/traffic.ts'
import {startWorld, type World} from '../../lab/world.ts'

const SCENARIOS = join(import.meta.dirname, '../../lab/scenarios')
const FILE = join(SCENARIOS, 'self-test.yaml')

/** Stands in for a daemon, which this scenario has none of: an exposition and a status with known values. */
const STAND_IN = `
const {createServer} = require('node:http')
const {rmSync} = require('node:fs')
createServer((_, response) => response.end('up{peer="b"} 1\\nup{peer="c"} 0\\n')).listen(9633, '127.0.0.1')
const rule = (direction, rule, flows, packets) => ({direction, rule, flows, packets})
const web = {staged: false, counts: {flows: 7, packets: 8, rules: [rule('ingress', 2, 9, 9), rule('ingress', 0, 2, 3), rule('ingress', 1, 0, 0), rule('egress', 0, 5, 5)], changes: []}}
const staged = {staged: true, counts: {rules: [], changes: [{would: 'deny', flows: 4, packets: 6}, {would: 'allow', flows: 1, packets: 1}]}}
const answers = {'/v1/status': {ready: true, tunnels: [{up: false}]}, '/v1/get/policies/web': {items: [web, staged]}}
createServer(({url}, response) => {
  response.statusCode = answers[url] ? 200 : 404
  response.end(JSON.stringify(answers[url]))
}).listen(process.argv[1])
process.stdout.write('ready')
`

type Counts = Extract<Check, {counts: unknown}>
/** Of the policy of the stand-in: what holds of its counters, and what does not. */
const COUNTS: readonly [of: Partial<Counts['counts']>, right: Counts['expect'], wrong: Counts['expect']][] = [
  [{}, {flows: 7, packets: 8}, {flows: 7, packets: 9}],
  [{rule: 'ingress 0'}, {flows: {min: 2}, packets: {max: 3}}, {flows: {min: 3}, packets: {max: 3}}],
  [{rule: 'egress 0'}, {packets: {min: 5, max: 5}}, {packets: {max: 4}}],
  [{would: 'deny'}, {flows: 4, packets: {min: 5}}, {flows: 2}],
  [{would: 'allow'}, {flows: 1}, {flows: {min: 2}}],
]

describe('the lab’s checks, on a network made by hand', () => {
  let world: World
  let standIn: ChildProcess
  before(async function () {
    this.timeout(60_000)
    const {scenario, dir} = loadScenario(FILE)
    world = await startWorld(scenario, dir, () => undefined)
    const results = await runSteps(world, scenario.steps, dir, () => undefined)
    assert.deepEqual(
      results.filter(({ok}) => !ok),
      [],
      'the scenario holds',
    )
    const socket = join(world.dirOf('a1'), 'api.sock')
    const [file, ...args] = inNamespace('il-a1', process.execPath, '-e', STAND_IN, socket)
    standIn = spawn(file!, args, {stdio: ['ignore', 'pipe', 'inherit']})
    await once(standIn.stdout!, 'data')
  })
  after(async function () {
    this.timeout(20_000)
    standIn?.kill('SIGKILL')
    await world?.stop()
  })

  // Each kind of check once as it is, and once expecting what is not: then it must fail.
  const name = 'x'
  const gateway = 'a/a1'
  const kinds: [right: Check, wrong: Check][] = [
    [
      {name, ping: {from: 'a/p1', to: 'b/p1'}, expect: 'ok'},
      {name, ping: {from: 'a/p1', to: 'b/p1'}, expect: 'refused'},
    ],
    [
      {name, ping: {from: 'a/p1', to: '10.2.0.99'}, expect: 'refused'},
      {name, ping: {from: 'a/p1', to: '10.2.0.99'}, expect: 'ok'},
    ],
    [
      {name, tcp: {from: 'a/p1', to: 'b/p1', port: 80}, expect: 'open', sourceSeen: '10.1.0.5'},
      {name, tcp: {from: 'a/p1', to: 'b/p1', port: 80}, expect: 'open', sourceSeen: '192.0.2.1'},
    ],
    [
      {name, tcp: {from: 'a/p1', to: 'b/p1', port: 81}, expect: 'refused'},
      {name, tcp: {from: 'a/p1', to: 'b/p1', port: 80}, expect: 'refused'},
    ],
    [
      {name, matrix: {probe: 'ping'}, allow: 'all'},
      {name, matrix: {probe: 'tcp/80'}, allow: [['a/p1', 'b/p1']]},
    ],
    [
      {name, matrix: {probe: 'tcp/81'}, allow: []},
      {name, matrix: {probe: 'tcp/81'}, allow: 'all'},
    ],
    [
      {
        name,
        capture: {on: 'r1', filter: 'src 10.1.0.5', while: {from: 'a/p1', to: 'b/p1'}},
        expect: {packets: {min: 10}},
      },
      {name, capture: {on: 'r1', filter: 'src 10.1.0.5', while: {from: 'a/p1', to: 'b/p1'}}, expect: {packets: 0}},
    ],
    [
      {name, capture: {on: 'r1', filter: 'ip proto 4', while: {from: 'a/p1', to: 'b/p1'}}, expect: {packets: 0}},
      {name, capture: {on: 'r1', filter: 'ip proto 4', while: {from: 'a/p1', to: 'b/p1'}}, expect: {packets: {min: 1}}},
    ],
    [
      {name, routes: {of: 'r2'}, expect: {has: ['10.1.0.0/26'], hasNot: ['10.9.0.0/16']}},
      {name, routes: {of: 'r2'}, expect: {has: ['10.9.0.0/26'], hasNot: []}},
    ],
    [
      {name, routes: {of: 'a1'}, expect: {has: ['10.2.0.0/26'], hasNot: []}},
      {name, routes: {of: 'a1'}, expect: {has: [], hasNot: ['10.2.0.0/16']}},
    ],
    [
      {name, metric: {gateway, query: 'up{peer="b"}'}, expect: 1},
      {name, metric: {gateway, query: 'up{peer="b"}'}, expect: 0},
    ],
    [
      {name, metric: {gateway, query: 'up'}, expect: {min: 1, max: 1}},
      {name, metric: {gateway, query: 'down'}, expect: 0},
    ],
    [
      {name, status: {gateway, path: 'tunnels[0].up'}, expect: false},
      {name, status: {gateway, path: 'ready'}, expect: false},
    ],
    ...COUNTS.map(([of, right, wrong]): [Check, Check] => [
      {name, counts: {gateway, policy: 'web', ...of}, expect: right},
      {name, counts: {gateway, policy: 'web', ...of}, expect: wrong},
    ]),
    [
      {name, counts: {gateway, policy: 'web', rule: 'ingress 1'}, expect: {flows: 0}},
      {name, counts: {gateway, policy: 'web', rule: 'ingress 3'}, expect: {flows: 0}},
    ],
    [
      {name, counts: {gateway, policy: 'web'}, expect: {flows: {min: 0}}},
      {name, counts: {gateway, policy: 'db'}, expect: {flows: {min: 0}}},
    ],
    [
      {name, exec: {in: 'a1', command: 'echo hello'}, expect: {status: 0, output: '^hello$'}},
      {name, exec: {in: 'a1', command: 'echo hello'}, expect: {status: 0, output: 'goodbye'}},
    ],
    [
      {name, exec: {in: 'a1', command: 'exit 3'}, expect: {status: 3}},
      {name, exec: {in: 'a1', command: 'exit 3'}, expect: {status: 0}},
    ],
  ]
  // That it holds, and that it finds a difference, the scenario federation-faults has, with daemons.
  for (const expect of ['yes', 'no'] as const) {
    it(`consistent (${expect}): what could not be compared, since b's etcd is out of reach, proves neither`, async () => {
      const {ok, detail} = await look(world, {name, consistent: {gateway: 'all'}, expect})
      assert.equal(ok, false, detail)
      assert.match(detail, /^a\/a1: -- consistency: not looked at: .*etcd-unreachable export b/)
    }).timeout(20_000)
  }

  for (const [index, [right, wrong]] of kinds.entries()) {
    const kind = Object.keys(right).find((key) => key !== 'name' && key !== 'expect' && key !== 'allow')
    it(`${kind} (${index}): holds where it should, and fails where it should`, async () => {
      const held = await look(world, right)
      assert.ok(held.ok, held.detail)
      const failed = await look(world, wrong)
      assert.equal(failed.ok, false, `must fail: ${failed.detail}`)
    })
  }

  // What happens to packets that the router r1 forwards, for half a second.
  const forwarding = (rule: string): string =>
    `nft 'table inet x { chain f { type filter hook forward priority 0; ${rule}; }; }'`
  const forHalfASecond = (rule: string) => ({
    exec: {in: 'r1', command: `${forwarding(rule)}; sleep 0.5; nft delete table inet x`},
  })
  const ANY = {min: 0}
  const during = (events: During['events'], expect: Partial<During['expect']>): During => ({
    name,
    events,
    traffic: {udp: {from: 'a/p1', to: 'b/p1', intervalMs: 1}, tcp: {from: 'a/p1', to: 'b/p1'}},
    settleMs: 300,
    expect: {lost: ANY, brokenFlows: ANY, failedFlows: ANY, ...expect},
  })

  it('during: while nothing happens, all expectations hold', async () => {
    const strict = {lost: 0, gapMs: {max: 400}, brokenFlows: 0, failedFlows: 0}
    const seen = await runDuring(world, during([], strict), '.')
    assert.ok(seen.ok, seen.detail)
  })

  const losses: [expect: Partial<During['expect']>, rule: string, words: string[]][] = [
    [{lost: 0, gapMs: {max: 400}}, 'drop', ['lost 0 expected', 'gap … to 400 ms expected']],
    [{lostShare: {max: 0.1}}, 'drop', ['a share of … to 0.1 lost expected']],
    [{failedFlows: 0}, 'meta l4proto tcp reject with tcp reset', ['failed flows 0 expected']],
    [{brokenFlows: 0}, 'meta l4proto tcp reject with tcp reset', ['broken flows 0 expected']],
  ]
  for (const [expect, rule, words] of losses) {
    it(`during: ${JSON.stringify(expect)} fails where it should, by its own words`, async () => {
      const {ok, detail} = await runDuring(world, during([forHalfASecond(rule)], expect), '.')
      assert.deepEqual([ok, detail.split('; ').filter((part) => part.endsWith('expected'))], [false, words], detail)
    })
  }

  const tries = (port: number): During => ({...during([], {}), traffic: {refused: {from: 'a/p1', to: 'b/p1', port}}})

  it('during: what should be refused and opens is a failure; what is refused is none', async () => {
    const [open, closed] = [await runDuring(world, tries(80), '.'), await runDuring(world, tries(81), '.')]
    assert.deepEqual([open.ok, closed.ok], [false, true], `${open.detail}; ${closed.detail}`)
    assert.match(open.detail, /nothing refused may open/)
  })

  it('during: traffic that never flowed is a failure, whatever is expected, and all of it is lost', async () => {
    await makeHappen(world, {exec: {in: 'r1', command: forwarding('drop')}}, '.')
    const {ok, detail} = await runDuring(world, during([], {}), '.')
    await makeHappen(world, {exec: {in: 'r1', command: 'nft delete table inet x'}}, '.')
    assert.equal(ok, false)
    assert.match(
      detail,
      /a\/p1 → b\/p1: (\d+) of \1 lost \(\1 from [\d:.]+\); b\/p1 → a\/p1: (\d+) of \2 lost.*; no traffic flowed$/,
    )
  })

  it('during: an event that cannot happen is a failed check', async () => {
    const step = {during: during([{start: 'z/z1/bird'}], {})}
    const [result] = await runSteps(world, [step], '.', () => undefined)
    assert.deepEqual(result, {name, ok: false, detail: 'no gateway z/z1'})
  })

  it('a check of something that is not there is a failed check, and the rest goes on', async () => {
    const steps = [
      {check: {name: 'nobody', ping: {from: 'a/p9', to: 'b/p1'}, expect: 'ok' as const}},
      {event: {start: 'z/z1/bird'}},
      {check: {name: 'somebody', ping: {from: 'a/p1', to: 'b/p1'}, expect: 'ok' as const}},
    ]
    const results = await runSteps(world, steps, '.', () => undefined)
    assert.deepEqual(
      results.map(({ok}) => ok),
      [false, false, true],
    )
  })

  describe('events', () => {
    const storedAt = async (key: string): Promise<string | null> => {
      const client = adminClient(world.etcd('a/main'))
      try {
        return await client.get(key)
      } finally {
        client.close()
      }
    }
    const happen = (event: Event): Promise<void> => makeHappen(world, event, SCENARIOS)

    it('put: policies under Isthmus’ root, the rest where Calico has it', async () => {
      await happen({put: {datastore: 'a/main', resource: 'three-sites/db.yaml'}})
      await happen({put: {datastore: 'a/main', resource: 'three-sites/new-pod.yaml'}})
      const policy = await storedAt('/isthmus/v1/resources/projectcalico.org/globalnetworkpolicies/db')
      assert.equal((JSON.parse(policy ?? '{}') as {kind?: string}).kind, 'GlobalNetworkPolicy')
      const pods = '/calico/resources/v3/projectcalico.org/workloadendpoints'
      assert.notEqual(await storedAt(`${pods}/default/na1-k8s-p7-eth0`), null)
    })

    it('putRaw and delete: any value at any key', async () => {
      await happen({putRaw: {datastore: 'a/main', key: '/calico/x', text: '{'}})
      assert.equal(await storedAt('/calico/x'), '{')
      await happen({delete: {datastore: 'a/main', key: '/calico/x'}})
      assert.equal(await storedAt('/calico/x'), null)
    })

    it('cut and mend: what looks like a tunnel is dropped, of all or of two gateways', async () => {
      // Counted at r1 behind the cut: what pods send each other, and what the gateways do.
      const addresses = ['a1', 'b1'].map((gateway) => world.plan.gateways.find((plan) => plan.name === gateway)!)
      const [a1, b1] = addresses.map(({underlay}) => underlay)
      const next = world.plan.routerLinks[0]!.ends[1].address
      const counters = ['10.1.0.5', a1].map((source) => `ip saddr ${source} udp dport 4789 counter`).join('; ')
      await happen({exec: {in: 'r1', command: `ip route add ${b1} via ${next}`}})
      const via = addresses[0]!.wan.router.address
      await happen({exec: {in: 'a1', command: `ip route add ${b1} via ${via} src ${a1}`}})
      const send = (to: string): string => `for i in 1 2 3; do bash -c 'echo > /dev/udp/${to}/4789'; done`
      const passed = async (): Promise<number[]> => {
        await happen({
          exec: {in: 'r1', command: `nft delete table inet x 2>/dev/null || true; ${forwarding(counters)}`},
        })
        await happen({exec: {in: 'a/p1', command: send('10.2.0.5')}})
        await happen({exec: {in: 'a1', command: send(b1!)}})
        const {detail} = await look(world, {
          name,
          exec: {in: 'r1', command: 'nft list table inet x'},
          expect: {status: 0},
        })
        return [...detail.matchAll(/packets (\d+)/g)].map(([, packets]) => Number(packets))
      }
      const seen = [await passed()]
      for (const event of [{cut: 'tunnels'}, {mend: 'all'}, {cut: ['a/a1', 'b/b1']}, {mend: 'all'}] satisfies Event[]) {
        await happen(event)
        seen.push(await passed())
      }
      assert.deepEqual(seen, [
        [3, 3],
        [0, 0],
        [3, 3],
        [3, 0],
        [3, 3],
      ])
    })

    it('kill and start: when they are done, it is so', async () => {
      const answers = async (): Promise<boolean> => {
        const command = `birdc -s ${world.dirOf('a1')}/bird.ctl show status`
        return (await look(world, {name, exec: {in: 'a1', command}, expect: {status: 0}})).ok
      }
      await happen({kill: 'a/a1/bird', signal: 'KILL'})
      assert.equal(await answers(), false)
      await happen({start: 'a/a1/bird'})
      assert.equal(await answers(), true)
      await happen({kill: 'a/a1/etcd', signal: 'KILL'})
      await happen({start: 'a/a1/etcd'})
      assert.notEqual(await storedAt('/isthmus/v1/resources/projectcalico.org/globalnetworkpolicies/db'), null)
    })

    it('waitMs: waits', async () => {
      const began = performance.now()
      await happen({waitMs: 200})
      assert.ok(performance.now() - began >= 199)
    })

    it('until: goes on when the check holds, and not before', async () => {
      await happen({until: {name: 'x', exec: {in: 'a1', command: 'true'}, expect: {status: 0}}})
      const began = performance.now()
      const file = join(tmpdir(), `is-until-${process.pid}`)
      setTimeout(() => writeFileSync(file, ''), 200)
      try {
        const command = `test -e ${file}`
        await happen({until: {name: 'x', exec: {in: 'a1', command}, expect: {status: 0}, withinMs: 5000}})
      } finally {
        rmSync(file, {force: true})
      }
      assert.ok(performance.now() - began >= 199)
    })

    // A step that did not take place proves nothing, so it must fail.
    const impossible: [event: Event, words: RegExp][] = [
      [{put: {datastore: 'a/main', resource: 'nothing.yaml'}}, /ENOENT/],
      [{until: {name: 'never', exec: {in: 'a1', command: 'false'}, expect: {status: 0}}}, /never: status 1/],
      [{put: {datastore: 'z/main', resource: 'three-sites/db.yaml'}}, /no datastore z\/main/],
      [{putRaw: {datastore: 'z/main', key: 'k', text: ''}}, /no datastore z\/main/],
      [{delete: {datastore: 'a/main', key: '/isthmus/nothing'}}, /no key \/isthmus\/nothing/],
      [{kill: 'z/z1/bird', signal: 'KILL'}, /no gateway z\/z1/],
      [{kill: 'a/a1/isthmus', signal: 'KILL'}, /no isthmus runs at a\/a1/],
      [{start: 'a/a1/bird'}, /bird runs already at a\/a1/],
      [{exec: {in: 'a1', command: 'echo not today >&2; exit 3'}}, /status 3: not today/],
      [{exec: {in: 'z1', command: 'true'}}, /nothing is called z1/],
      [{cut: ['a/a1', 'z/z1']}, /no gateway z\/z1/],
      [{kill: 'a/main/etcd2', signal: 'KILL'}, /no etcd2 at a\/main/],
      [{start: 'a/main/leader'}, /leader cannot be started/],
    ]
    for (const [event, words] of impossible) {
      it(`${JSON.stringify(event)} fails`, () => assert.rejects(happen(event), words))
    }
  }).timeout(30_000)
})
