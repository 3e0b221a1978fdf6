import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {TestBird} from '../support/bird.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'

const MAIN = path.join(import.meta.dirname, '../../src/cli/main.ts')
const NAMES = ['a1', 'a2'] as const
type Name = (typeof NAMES)[number]
const ADDRESS = {a1: '10.0.0.1', a2: '10.0.0.2'} as const

/** A gateway's BIRD as far as it is looked at: one session over a tunnel, with somebody in the cloud's namespace. */
const birdOf = (name: Name): string => `router id ${ADDRESS[name]};
protocol device {}
protocol bgp tun_b_00000${name.slice(1)} { local ${ADDRESS[name]} as 64512; neighbor 10.0.0.9 as 64513; multihop;
  connect delay time 1; connect retry time 1; error wait time 1, 1; ipv4 { import none; export none; }; }
`
const FAR_BIRD = `router id 10.0.0.9;
protocol device {}
${NAMES.map((name) => `protocol bgp to_${name} { local 10.0.0.9 as 64513; neighbor ${ADDRESS[name]} as 64512; multihop; passive; ipv4 { import none; export none; }; }`).join('\n')}
`

/**
 * Two gateways, each with a real BIRD and `isthmus watch-routes`, in a cloud that is one namespace with one route. What they run is a
 * script; it can be told to fail, or to hang.
 */
describe('isthmus watch-routes, two of it', function () {
  this.timeout(40_000)
  const folder = mkdtempSync(path.join(tmpdir(), 'is-routes-'))
  const spaces = new Map<string, Namespace>()
  const birds = new Map<string, TestBird>()
  const watches = new Map<Name, {readonly child: ChildProcess; said: string}>()
  const dirOf = (name: Name): string => path.join(folder, name)
  const cloud = (): Namespace => spaces.get('cloud')!
  const target = (): string => /via (\S+)/.exec(cloud().run('ip route show 10.2.0.0/16'))?.[1] ?? ''
  const eventsOf = (name: Name) =>
    watches
      .get(name)!
      .said.split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const taken = (name: Name) => eventsOf(name).filter(({event}) => event === 'routes-taken')
  const set = (file: string, on: boolean): void => {
    if (on) writeFileSync(path.join(folder, file), '')
    else rmSync(path.join(folder, file), {force: true})
  }
  const movesTo = async (name: Name, withinMs: number): Promise<number> => {
    const began = performance.now()
    await eventually(() => target() === ADDRESS[name], withinMs)
    return performance.now() - began
  }

  function start(name: Name): void {
    const argv = [process.execPath, MAIN, 'watch-routes', '--config', path.join(dirOf(name), 'gateway.yaml')]
    const child = spawn('ip', ['netns', 'exec', spaces.get(name)!.name, ...argv], {stdio: ['ignore', 'ignore', 'pipe']})
    const watch = {child, said: ''}
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      watch.said += text
    })
    watches.set(name, watch)
  }
  async function stop(name: Name): Promise<void> {
    const {child} = watches.get(name)!
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
  }

  before(async () => {
    for (const name of ['cloud', ...NAMES]) spaces.set(name, createNamespace(name))
    cloud().run('ip link add net0 type bridge; ip link set net0 up; ip address add 10.0.0.9/24 dev net0')
    for (const name of NAMES) {
      cloud().run(`ip link add to-${name} type veth peer name eth0 netns ${spaces.get(name)!.name}
        ip link set to-${name} up master net0`)
      spaces.get(name)!.run(`ip link set eth0 up; ip address add ${ADDRESS[name]}/24 dev eth0`)
      mkdirSync(path.join(dirOf(name), 'state'), {recursive: true})
      birds.set(name, await new TestBird(spaces.get(name)!, birdOf(name)).start())
      const command = path.join(dirOf(name), 'take routes')
      writeFileSync(
        command,
        `#!/bin/sh
echo "$ISTHMUS_GATEWAY|$ISTHMUS_SITE|$ISTHMUS_PREFIXES|$ISTHMUS_REASON|$#|$*" >> ${folder}/ran
test ! -e ${folder}/fail || { echo "RequestLimitExceeded" >&2; exit 7; }
test ! -e ${folder}/hang || { sleep 30; exit 0; }
ip -n ${cloud().name} route replace 10.2.0.0/16 via "$2"
`,
      )
      chmodSync(command, 0o755)
      const other = NAMES.find((one) => one !== name)!
      writeFileSync(
        path.join(dirOf(name), 'gateway.yaml'),
        `version: 1
site: a
gateway: ${name}
twin: ${other}
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks: [{name: wan, address: ${ADDRESS[name]}, inner: [100.64.0.0, 100.64.0.1]}]
owns: [10.1.0.0/16]
datastores: [{name: main, kind: isthmus, endpoints: ["http://127.0.0.1:2379"], insecure: true, export: {}}]
sites: {b: {owns: [10.2.0.0/16], endpoints: ["http://192.0.2.9:2379"], insecure: true}}
authorities: [a]
routeTable:
  command: [${JSON.stringify(command)}, "rtb 1; exit 1", ${ADDRESS[name]}]
  listen: ${ADDRESS[name]}:9634
  twin: ${ADDRESS[other]}:9634
  after: 1s
  backAfter: 3s
  timeout: 2s
paths: {state: ${dirOf(name)}/state, run: ${dirOf(name)}, birdSocket: ${birds.get(name)!.socket}}
`,
      )
    }
    birds.set('far', await new TestBird(cloud(), FAR_BIRD).start())
    for (const name of NAMES) start(name)
  })
  after(async () => {
    for (const name of watches.keys()) await stop(name)
    for (const bird of birds.values()) await bird.remove()
    for (const space of spaces.values()) space.remove()
    rmSync(folder, {recursive: true})
  })

  it('the preferred one takes them, once, by a program with its arguments as they are', async () => {
    await movesTo('a1', 15_000)
    await eventually(() => taken('a1').length === 1, 2000)
    const ran = readFileSync(path.join(folder, 'ran'), 'utf8')
    assert.equal(ran, 'a1|a|10.2.0.0/16|the preferred one|2|rtb 1; exit 1 10.0.0.1\n')
    assert.equal(taken('a1')[0]?.term, 1)
    assert.equal(taken('a2').length, 0)
  })

  it('its tunnels lost: the other one takes them, in less than 3 s; they go back when that has been over for a while', async () => {
    const began = performance.now()
    await birds.get('a1')!.ask('disable "tun_*"')
    const tookMs = await movesTo('a2', 5000)
    assert.ok(tookMs < 3000, `${tookMs} ms`)
    await eventually(() => taken('a2').length === 1, 2000)
    assert.match(String(taken('a2')[0]?.why), /a1 has no tunnel that is up/)
    await birds.get('a1')!.ask('enable "tun_*"')
    const back = performance.now()
    await movesTo('a1', 10_000)
    assert.ok(performance.now() - back > 2500, 'not at once')
    assert.ok(performance.now() - began < 15_000)
  })

  it('its BIRD killed: nothing moves, since the kernel goes on', async () => {
    const before = taken('a2').length
    await birds.get('a1')!.kill()
    await new Promise((resolve) => setTimeout(resolve, 2500))
    assert.deepEqual([target(), taken('a2').length], [ADDRESS.a1, before])
    await birds.get('a1')!.start()
  })

  it('a command that fails, then hangs, is tried again, each time told; the other one drained meanwhile is taken from at last', async () => {
    await eventually(async () => (await birds.get('a1')!.ask('show protocols')).includes('Established'), 10_000)
    set('fail', true)
    writeFileSync(path.join(dirOf('a1'), 'state/draining'), '2026-11-26T00:00:00Z\n')
    const failed = () => eventsOf('a2').filter(({event}) => event === 'routes-not-taken')
    await eventually(() => failed().length === 2, 12_000)
    assert.deepEqual(
      failed().map(({attempt, status, said, againInMs, timedOut}) => [attempt, status, said, againInMs, timedOut]),
      [
        [1, 7, 'RequestLimitExceeded', 1000, false],
        [2, 7, 'RequestLimitExceeded', 2000, false],
      ],
    )
    set('hang', true)
    set('fail', false)
    await eventually(() => failed().length === 3, 6000)
    assert.deepEqual([failed()[2]?.timedOut, failed()[2]?.status], [true, null])
    assert.equal(target(), ADDRESS.a1)
    set('hang', false)
    await movesTo('a2', 8000)
    await eventually(() => /a1 is drained/.test(String(taken('a2').at(-1)?.why)), 1000)
    const metrics = spaces.get('a2')!.run('curl -s http://10.0.0.2:9634/metrics')
    assert.match(metrics, /isthmus_route_table_held 1/)
    assert.match(metrics, /commands_total\{result="failed"\} 2/)
    assert.match(metrics, /commands_total\{result="timeout"\} 1/)
    const ofOther = (): string => spaces.get('a1')!.run('curl -s http://10.0.0.1:9634/metrics')
    await eventually(() => ofOther().includes('isthmus_route_table_held 0'), 2000)
    rmSync(path.join(dirOf('a1'), 'state/draining'))
    await movesTo('a1', 8000)
  })

  it('its power cut: the other one takes them, in less than 4 s; its return moves them back, once', async () => {
    cloud().run('ip link set to-a1 nomaster')
    const tookMs = await movesTo('a2', 6000)
    assert.ok(tookMs < 4000, `${tookMs} ms`)
    await eventually(() => eventsOf('a2').some(({event}) => event === 'twin-silent'), 1000)
    cloud().run('ip link set to-a1 master net0')
    await movesTo('a1', 12_000)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const counts = NAMES.map((name) => taken(name).length)
    await new Promise((resolve) => setTimeout(resolve, 2000))
    assert.deepEqual(
      NAMES.map((name) => taken(name).length),
      counts,
    )
    assert.equal(target(), ADDRESS.a1)
  })

  it('one that is stopped leaves nothing running, and the other takes them', async () => {
    await stop('a1')
    assert.equal(watches.get('a1')!.child.exitCode, 0)
    await movesTo('a2', 6000)
    assert.ok(!existsSync(path.join(folder, 'fail')))
  })
})
