import assert from 'node:assert/strict'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {createApiClient} from '../../../src/api/client.ts'
import {
  type GatewayStatus,
  type GatewayView,
  type Kind,
  type Rows,
  type RunningApi,
  startApi,
} from '../../../src/api/index.ts'
import {disrupt} from '../../../src/cli/end-to-end/disrupt.ts'
import {judgeRestart, judgeTunnelLoss, type StreamFacts} from '../../../src/cli/end-to-end/judge-disruption.ts'
import type {Tool} from '../../../src/cli/end-to-end/tools.ts'
import {readGatewayConfig} from '../../../src/cli/read-config.ts'
import {ENDPOINT, fakeView, STATUS} from '../../support/fake-view.ts'
import {gatewayYaml, REMOTE_B} from '../../support/gateway-yaml.ts'
import {cli} from '../../support/run-cli.ts'

const TUNNEL = STATUS.tunnels[0]!
const echoed = (sent: number, received: number, problem: string | null = null) => ({
  ...{sent, received, minMs: 1, avgMs: 1, maxMs: 1, told: null, problem},
})
const stream = (received: number): StreamFacts => ({target: '10.2.0.5', answer: echoed(100, received)})

describe('what a disruption proves', () => {
  const loss = {site: 'b', tunnel: TUNNEL, others: 1, backMs: 1200, loss: stream(97)}
  const restart = {site: 'all', check: 'restart of BIRD', unit: 'bird', backMs: 900, loss: stream(100)}
  const cases: readonly [
    why: string,
    proof: {result: string; evidence: readonly string[]},
    result: string,
    seen: RegExp,
  ][] = [
    ['a tunnel comes back', judgeTunnelLoss(loss), 'ok', /back after 1\.2 s.*over 1 others: 3 of 100 pings/s],
    ['a tunnel does not', judgeTunnelLoss({...loss, backMs: null}), 'failed', /did not come back/],
    ['the only tunnel', judgeTunnelLoss({...loss, others: 0, loss: null}), 'ok', /no other tunnel/],
    ['nothing is lost', judgeRestart(restart), 'ok', /0 of 100 pings to 10\.2\.0\.5 were lost/],
    ['one packet is lost', judgeRestart({...restart, loss: stream(99)}), 'failed', /1 of 100/],
    ['it stays away', judgeRestart({...restart, backMs: null}), 'failed', /did not come back/],
    ['nobody answers', judgeRestart({...restart, loss: {why: 'nobody'}}), 'unknown', /not measured: nobody/],
    [
      ...(['fping fails', judgeRestart({...restart, loss: {target: 'x', answer: echoed(0, 0, 'no fping')}})] as const),
      ...(['unknown', /not measured: no fping/] as const),
    ],
  ]
  for (const [why, {result, evidence}, expected, seen] of cases) {
    it(`${why}: ${expected}`, () => {
      assert.equal(result, expected)
      assert.match(evidence.join('\n'), seen)
    })
  }
})

describe('isthmus test --disruptive', () => {
  let folder: string
  let socketPath: string
  let file: string
  let api: RunningApi
  let status: GatewayStatus
  let done: string[]
  let lost = 0

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'isthmus-disrupt-'))
    socketPath = path.join(folder, 'api.sock')
    file = path.join(folder, 'gateway.yaml')
    writeFileSync(file, gatewayYaml(['http://127.0.0.1:1'], {sites: REMOTE_B}))
    status = {...STATUS, tunnels: [TUNNEL]}
    done = []
    lost = 0
    const peer = {session: 'tun_b', name: TUNNEL.name, kind: 'tunnel', up: true} as Rows['peers']
    const rows: {readonly [K in Kind]?: readonly Rows[K][]} = {peers: [peer]}
    const view = fakeView({
      get: ((kind: Kind) => rows[kind] ?? []) as GatewayView['get'],
      status: () => status,
      trace: () => ({ok: true, answer: {verdict: 'allow', reason: 'rule'}}),
    })
    api = await startApi({view, socketPath, metrics: null, onError: assert.fail})
  })
  afterEach(async () => {
    await api.close()
    rmSync(folder, {recursive: true})
  })

  /** A machine of which systemd runs these, in our network or in another. */
  const machine = (units: readonly string[], network = 'net:[1]'): Tool => {
    return async (program, ...args) => {
      done.push([program, ...args].join(' '))
      if (program === 'readlink') return {ok: true, said: args[0]!.includes('self') ? 'net:[1]' : network}
      if (program === 'ip') return {ok: true, said: '[{"flags":["UP"]}]'}
      if (args[0] === 'restart') status = {...status, startedAt: `after ${args[1]}`}
      return {
        ok: true,
        said: units.includes(args[1]!) ? 'ActiveState=active\nMainPID=7' : 'ActiveState=inactive\nMainPID=0',
      }
    }
  }
  const run = async (tool: Tool) => {
    const {config} = await readGatewayConfig(file)
    const proofs = await disrupt({
      api: createApiClient(socketPath),
      config: config!,
      sites: ['b'],
      endpoints: new Map([['b', [{...ENDPOINT, address: '10.2.0.5', site: 'b'}]]]),
      tools: {
        tool,
        echo: async ({count}) => echoed(count, count === 1 ? 1 : count - lost),
        probeOnce: async () => true,
        addresses: () => ['10.1.0.1'],
      },
      context: {
        ...{out: () => undefined, err: () => undefined, api: createApiClient, terminal: {out: false, err: false}},
        ...{clock: {nowMs: () => 0, sleep: async () => undefined}, progress: () => undefined, env: {}},
        ...{until: new AbortController().signal, become: () => undefined},
      },
    })
    return proofs.map(({check, result}) => `${result} ${check}`)
  }
  const changes = (): string[] => done.filter((line) => / set | restart /.test(line))

  it('takes a tunnel down, and restarts what systemd runs', async () => {
    assert.deepEqual(await run(machine(['bird', 'isthmus'])), [
      'ok loss of a tunnel',
      'ok restart of BIRD',
      'ok restart of the daemon',
    ])
    assert.deepEqual(changes(), [
      `ip link set dev ${TUNNEL.device} down`,
      'systemctl restart bird',
      'systemctl restart isthmus',
    ])
  })

  it('restarts nothing that systemd does not run, or runs in another network', async () => {
    for (const tool of [machine([]), machine(['bird', 'isthmus'], 'net:[2]')]) {
      const skipped = ['ok loss of a tunnel', 'skipped restart of BIRD', 'skipped restart of the daemon']
      assert.deepEqual(await run(tool), skipped)
    }
    assert.deepEqual(changes(), Array(2).fill(`ip link set dev ${TUNNEL.device} down`))
  })

  it('a ping that is lost in a restart is a failure', async () => {
    lost = 1
    assert.deepEqual((await run(machine(['bird']))).slice(0, 2), ['ok loss of a tunnel', 'failed restart of BIRD'])
  })

  it('asks before, and where nobody can be asked needs --yes', async () => {
    const args = ['test', '--disruptive', '--config', file]
    const nobody = await cli(args, socketPath)
    assert.equal(nobody.status, 2)
    assert.match(nobody.err, /--disruptive needs --yes/)
    const asked = await cli(args, socketPath, undefined, {ask: async () => 'no'})
    assert.equal(asked.status, 1)
    assert.match(asked.out, /packets may be lost\. Go on\? \[y\/N\] $/)
    assert.equal(asked.err, 'nothing was done\n')
  })
})
