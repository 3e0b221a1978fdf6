import assert from 'node:assert/strict'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {KINDS} from '../../src/api/client.ts'
import {type GatewayView, type RunningApi, startApi} from '../../src/api/index.ts'
import {fakeView, STATUS} from '../support/fake-view.ts'
import {cli} from '../support/run-cli.ts'

describe('command line, with a gateway', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi | null = null

  const start = async (parts: Partial<GatewayView> = {}): Promise<void> => {
    api = await startApi({view: fakeView(parts), socketPath, metrics: null, onError: assert.fail})
  }
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-cli-'))
    socketPath = path.join(folder, 'api.sock')
  })
  afterEach(async () => {
    await api?.close()
    api = null
    await rm(folder, {recursive: true})
  })

  it('status shows the gateway at a glance, findings beside it', async () => {
    await start()
    const {status, out, err} = await cli(['status'], socketPath)
    assert.equal(status, 0)
    assert.equal(
      out,
      `gateway a1 of site a: ready (isthmus 0.1.0, up 2 m)
last complete pass 1 m ago, 12 ms, 1 errors since start
export: this gateway leads, lease confirmed 1 s ago
policy in force: 7 classes, 12 verdicts, 9 chains, generation 3, 5 packets dropped
fast path: 3 devices, 70 packets, 20 of them judged there

tunnels
NAME             ENCAPSULATION   DEVICE        STATE   PEER            MTU     RTT    LOSS   RECEIVED    SENT   ERRORS
wan b/b1/wan 0   ipip            is-b-1f2e3d   up      198.51.100.1   1480   12 ms   2.5 %   11.8 MiB   512 B        0
wan c/c1/wan 0   wireguard       is-c-aabbcc   down    203.0.113.1    1420       -       -        0 B     0 B        3

sessions
NAME                  PROTOCOL   WITH     NEIGHBOR             AS   STATE         SINCE   IMPORTED   EXPORTED
tun_b_b1_wan_1f2e3d   bgp        tunnel   100.64.1.0   4200000002   Established     1 m          4          3

datastores
NAME             SITE   CONNECTED   STATE       REVISION   HEARD   KEYS   BAD
datastore/main   a      yes         synced            77     0 s    120     1
export/b         b      no          from disk         12     1 h     30     0

sites
NAME       STATE   HEARD           AS   PREFIXES      GATEWAYS   PODS   HOSTS   SETS   STATIC   REFUSED
a (here)   -           -   4200000001   10.1.0.0/16          1      2       0      1        1         0

policies
NAME   TIER      ORDER   TYPES     RULES   SELECTOR       FROM
web    default     100   Ingress       2   app == 'web'   a
`,
    )
    assert.equal(
      err,
      'error record-not-json datastore main /calico/resources/v3/projectcalico.org/tiers/t: Unexpected end of JSON input; mend or delete the key\n',
    )
  })

  it('a gateway that is not ready says what it waits for, and what is undone', async () => {
    const reconcile = {
      ...STATUS.reconcile,
      lastSuccess: null,
      durationMs: null,
      dirty: true,
      lastErrors: ['link: EPERM'],
    }
    const parts = {ready: false, waitingFor: 'datastore/main', reconcile, tunnels: [], findings: []}
    await start({status: () => ({...STATUS, ...parts})})
    const {status, out, err} = await cli(['status'], socketPath)
    assert.equal(status, 0)
    assert.match(out, /^gateway a1 of site a: not ready, waits for datastore\/main /)
    assert.match(out, /last complete pass never, 1 errors since start, something is left undone\n/)
    assert.match(out, /\ntunnels: none\n/)
    assert.equal(err, 'undone: link: EPERM\n')
  })

  for (const [how, text] of [
    [{leader: 'a2', leads: false, leaseAgeSeconds: 2.2, lastError: null}, 'a2 leads, lease confirmed 2 s ago'],
    [{leader: null, leads: false, leaseAgeSeconds: null, lastError: 'away'}, 'no gateway leads, no lease, away'],
  ] as const) {
    it(`status says who leads: ${text}`, async () => {
      await start({status: () => ({...STATUS, export: how})})
      assert.ok((await cli(['status'], socketPath)).out.includes(`\nexport: ${text}\n`))
    })
  }

  it('drain and undrain ask the gateway and say what holds; status shows it', async () => {
    let drainingSince: string | null = null
    await start({
      drain: async (on) => {
        drainingSince = on ? '2026-01-02T03:05:05.000Z' : null
      },
      status: () => ({...STATUS, drainingSince}),
    })
    const drained = await cli(['drain'], socketPath)
    assert.deepEqual(
      [drained.status, drained.out],
      [0, 'draining since 2026-01-02T03:05:05.000Z, also after a restart\n'],
    )
    assert.match((await cli(['status'], socketPath)).out, /\ndraining for \d+ m: others are asked/)
    const undrained = await cli(['undrain'], socketPath)
    assert.deepEqual([undrained.status, undrained.out], [0, 'not draining\n'])
    assert.doesNotMatch((await cli(['status'], socketPath)).out, /draining/)
  })

  it('keys rotate names the tunnels that get one, and what site it does not know', async () => {
    await start({
      rotateKeys: async (site) =>
        site === 'x'
          ? {ok: false, problem: 'no site x; there is b'}
          : {ok: true, tunnels: site ? ['a/g/wan b/g/wan'] : []},
    })
    const one = await cli(['keys', 'rotate', 'b'], socketPath)
    assert.deepEqual([one.status, one.out], [0, 'new keys, each as soon as its tunnel is up:\n  a/g/wan b/g/wan\n'])
    assert.equal((await cli(['keys', 'rotate'], socketPath)).out, 'no tunnel has a WireGuard key\n')
    const unknown = await cli(['keys', 'rotate', 'x'], socketPath)
    assert.equal(unknown.status, 1)
    assert.match(unknown.err, /no site x; there is b/)
  })

  it('trace by names without a gateway is unreachable, and not a wrong name', async () => {
    const ends = ['--from', 'shop/web-1', '--to', 'shop/db-1', '--protocol', 'tcp', '--port', '80']
    const {status, err} = await cli(['policy', 'trace', ...ends], path.join(folder, 'none.sock'))
    assert.equal(status, 3)
    assert.match(err, /^no gateway answers on /)
  })

  it('drain without a gateway is unreachable', async () => {
    assert.equal((await cli(['drain'], socketPath)).status, 3)
  })

  it('status as JSON and YAML is the whole status', async () => {
    await start()
    assert.deepEqual(JSON.parse((await cli(['status', '-o', 'json'], socketPath)).out), STATUS)
    assert.match((await cli(['status', '-o', 'yaml'], socketPath)).out, /^site: a\ngateway: a1\n/)
    assert.equal((await cli(['status', '-o', 'name'], socketPath)).out, 'gateway/a/a1\n')
  })

  for (const kind of KINDS) {
    it(`get ${kind} prints every format`, async () => {
      await start()
      for (const format of ['table', 'wide', 'json', 'yaml', 'name']) {
        const {status, out, err} = await cli(['get', kind, '-o', format], socketPath)
        assert.deepEqual(
          [status, err],
          [0, kind === 'nodes' && (format === 'table' || format === 'wide') ? 'no nodes\n' : ''],
        )
        assert.doesNotMatch(out, /undefined|\[object/, format)
      }
    })
  }

  it('get NAME finds the one, in the singular too', async () => {
    await start()
    const {status, out} = await cli(['get', 'tunnel', 'wan b/b1/wan 0', '-o', 'name'], socketPath)
    assert.deepEqual([status, out], [0, 'tunnels/wan b/b1/wan 0\n'])
    assert.equal((await cli(['get', 'policy', 'web', '-o', 'name'], socketPath)).out, 'policies/web\n')
  })

  it('get policies marks staged ones, and with -o wide has what was counted', async () => {
    await start()
    assert.match((await cli(['get', 'policies'], socketPath)).out, /^next \(staged\) .* a\n$/m)
    const {out} = await cli(['get', 'policies', '-o', 'wide'], socketPath)
    assert.deepEqual(
      out
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/).slice(-5)),
      [
        ['FLOWS', 'PACKETS', 'DENIED', 'WOULD-ALLOW', 'WOULD-DENY'],
        ['1204', '1310', '106', '-', '-'],
        ['-', '-', '-', '2', '31'],
      ],
    )
    assert.doesNotMatch(out, /rules/)
  })

  it('get policy NAME -o wide lists its rules with their counts, and what a staged one would change', async () => {
    await start()
    const {out} = await cli(['get', 'policy', 'web', '-o', 'wide'], socketPath)
    assert.ok(
      out.endsWith(`
web: rules
DIRECTION   RULE   ACTION   FLOWS   PACKETS      BYTES
ingress        0   allow     1100      1204   82.0 KiB
ingress        1   deny       104       106    6.8 KiB
`),
      out,
    )
    const staged = await cli(['get', 'policy', 'next', '-o', 'wide'], socketPath)
    assert.match(
      staged.out,
      /\nnext: would change\nDIRECTION +WOULD +FLOWS.*\ningress +allow +2 .*\ningress +deny +31 /,
    )
    const json = JSON.parse((await cli(['get', 'policy', 'web', '-o', 'json'], socketPath)).out)
    assert.deepEqual(
      json[0].counts.rules.map(({rule, flows}: {rule: number; flows: number}) => [rule, flows]),
      [
        [0, 1100],
        [1, 104],
      ],
    )
  })

  it('get of a name that is not there is 1', async () => {
    await start()
    const {status, out, err} = await cli(['get', 'tunnels', 'nowhere'], socketPath)
    assert.deepEqual(
      [status, out, err],
      [1, '', 'no tunnels named nowhere\nisthmus get tunnels -o name lists what there is\n'],
    )
  })

  it('what the limit cut off is told', async () => {
    await start()
    const {status, err} = await cli(['get', 'tunnels', '--limit', '1'], socketPath)
    assert.deepEqual([status, err], [0, 'there are more than these 1; --limit 0 shows all\n'])
  })

  it('--socket comes before the environment, and stands anywhere', async () => {
    await start()
    for (const args of [
      ['--socket', socketPath, 'get', 'tiers', '-o', 'name'],
      ['get', 'tiers', '-o', 'name', '--socket', socketPath],
    ]) {
      assert.equal((await cli(args, '/nonexistent')).out, 'tiers/default\n')
    }
  })

  it('policy trace asks the gateway', async () => {
    await start()
    const args = ['policy', 'trace', '--from', '10.1.0.5', '--to', '10.2.0.7', '--protocol', 'tcp', '--port', '80']
    const json = await cli([...args, '-o', 'json'], socketPath)
    assert.deepEqual([json.status, json.out], [0, '{"verdict":"allow","reason":"default","from":"10.1.0.5"}\n'])
    assert.equal((await cli(args, socketPath)).out, 'allow: no policy decides, the default\n')
  })

  it('policy trace --flows answers line by line, and names the line that is no flow', async () => {
    await start()
    const flows = path.join(folder, 'flows')
    await writeFile(flows, '{"from":"10.1.0.5"}\n\n{"from":"10.1.0.6"}\n{}\n{"from":"10.1.0.7"}\n')
    const {status, out, err} = await cli(['policy', 'trace', '--flows', flows], socketPath)
    assert.deepEqual(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).from),
      ['10.1.0.5', '10.1.0.6'],
    )
    assert.deepEqual([status, err], [2, `${flows}:4: from: missing\n`])
  })

  for (const args of [['status'], ['get', 'tunnels'], ['policy', 'trace', '--from', '10.1.0.5']]) {
    it(`${args.join(' ')} without a gateway is 3`, async () => {
      const {status, out, err} = await cli(args, socketPath)
      assert.deepEqual([status, out], [3, ''])
      assert.match(err, /^no gateway answers on .*api\.sock: .*ENOENT/)
    })
  }
})

describe('an unknown word', () => {
  for (const [args, said] of [
    ['stauts', /unknown command 'stauts'\n\(Did you mean status\?\)/],
    ['policy trce', /unknown command 'trce'\n\(Did you mean trace\?\)/],
    ['status --ouput json', /unknown option '--ouput'\n\(Did you mean --output\?\)/],
    ['status -o yml', /'yml' is invalid\. There is table, wide, json, yaml, name; did you mean yaml\?/],
    ['completion bsh', /'bsh' is invalid for argument 'shell'\. Allowed choices are bash, zsh/],
  ] as const) {
    it(`isthmus ${args}: status 2, and the nearest that there is`, async () => {
      const {status, out, err} = await cli(args.split(' '))
      assert.deepEqual([status, out], [2, ''])
      assert.match(err, said)
    })
  }
})
