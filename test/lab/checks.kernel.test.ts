import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {join} from 'node:path'
import {inNamespace} from '../../lab/processes.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import type {Check, During} from '../../lab/scenario/schema.ts'
import {makeHappen} from '../../lab/steps/events.ts'
import {lookUntil} from '../../lab/steps/result.ts'
import {look, runSteps} from '../../lab/steps/run.ts'
import {runDuring} from '../../lab/steps/traffic.ts'
import {startWorld, type World} from '../../lab/world.ts'

const FILE = join(import.meta.dirname, '../../lab/scenarios/self-test.yaml')

/** Stands in for a daemon, which this scenario has none of: an exposition and a status with known values. */
const STAND_IN = `
const {createServer} = require('node:http')
const {rmSync} = require('node:fs')
createServer((_, response) => response.end('up{peer="b"} 1\\nup{peer="c"} 0\\n')).listen(9633, '127.0.0.1')
createServer((_, response) => response.end(JSON.stringify({ready: true, tunnels: [{up: false}]}))).listen(process.argv[1])
process.stdout.write('ready')
`

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
    [
      {name, exec: {in: 'a1', command: 'echo hello'}, expect: {status: 0, output: '^hello$'}},
      {name, exec: {in: 'a1', command: 'echo hello'}, expect: {status: 0, output: 'goodbye'}},
    ],
    [
      {name, exec: {in: 'a1', command: 'exit 3'}, expect: {status: 3}},
      {name, exec: {in: 'a1', command: 'exit 3'}, expect: {status: 0}},
    ],
  ]
  for (const [index, [right, wrong]] of kinds.entries()) {
    const kind = Object.keys(right).find((key) => key !== 'name' && key !== 'expect' && key !== 'allow')
    it(`${kind} (${index}): holds where it should, and fails where it should`, async () => {
      const held = await look(world, right)
      assert.ok(held.ok, held.detail)
      const failed = await look(world, wrong)
      assert.equal(failed.ok, false, `must fail: ${failed.detail}`)
    })
  }

  const during = (events: During['events'], expect: Partial<During['expect']>): During => ({
    name,
    events,
    traffic: {udp: {from: 'a/p1', to: 'b/p1', intervalMs: 1}, tcp: {from: 'a/p1', to: 'b/p1'}},
    settleMs: 500,
    expect: {lost: 0, brokenFlows: 0, failedFlows: 0, ...expect},
  })

  it('during: nothing is lost while nothing happens', async () => {
    const seen = await runDuring(world, during([], {}), '.')
    assert.ok(seen.ok, seen.detail)
  })

  it('during: a cut link is seen as loss, gap and failed flows', async () => {
    const down = {exec: {in: 'r1', command: 'ip link set to-r2 down; sleep 0.3; ip link set to-r2 up'}}
    const seen = await runDuring(world, during([down], {}), '.')
    assert.equal(seen.ok, false, seen.detail)
    const back = await lookUntil(() => look(world, {name, ping: {from: 'a/p1', to: 'b/p1'}, expect: 'ok'}), 15_000)
    assert.ok(back.ok, back.detail)
  }).timeout(30_000)

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

  it('events: put, delete, kill, start, cut and mend do what they say', async () => {
    const key = '/isthmus/v1/resources/x'
    await makeHappen(world, {putRaw: {datastore: 'a/main', key, text: '{'}}, '.')
    await makeHappen(world, {delete: {datastore: 'a/main', key}}, '.')
    const birdAnswers = (status: number): Check => {
      const command = `birdc -s ${world.dirOf('a1')}/bird.ctl show status`
      return {name, exec: {in: 'a1', command}, expect: {status}}
    }
    await makeHappen(world, {kill: 'a/a1/bird', signal: 'KILL'}, '.')
    assert.ok((await lookUntil(() => look(world, birdAnswers(1)), 2000)).ok)
    await makeHappen(world, {start: 'a/a1/bird'}, '.')
    assert.ok((await look(world, birdAnswers(0))).ok)
    await makeHappen(world, {cut: 'tunnels'}, '.')
    const rules: Check = {name, exec: {in: 'r1', command: 'nft list table inet labcut'}, expect: {status: 0}}
    assert.ok((await look(world, rules)).ok)
    await makeHappen(world, {mend: 'all'}, '.')
    assert.equal((await look(world, rules)).ok, false)
  }).timeout(30_000)
})
