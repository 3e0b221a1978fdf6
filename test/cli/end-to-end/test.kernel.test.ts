import assert from 'node:assert/strict'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parse} from 'yaml'
import {
  type GatewayStatus,
  type GatewayView,
  type Kind,
  type Rows,
  type RunningApi,
  startApi,
} from '../../../src/api/index.ts'
import type {Proof} from '../../../src/cli/end-to-end/proof.ts'
import {ENDPOINT, fakeView, STATUS} from '../../support/fake-view.ts'
import {gatewayYaml, REMOTE_B} from '../../support/gateway-yaml.ts'
import {createNamespace, inNamespace, type Namespace, shell} from '../../support/namespace.ts'
import {type CliResult, cli} from '../../support/run-cli.ts'

const TUNNEL: Rows['tunnels'] = {
  ...STATUS.tunnels[0]!,
  ...{device: 'is-b', local: '100.64.1.0', peer: '100.64.2.0', mtu: 1400, configuredMtu: 1400, probes: null},
}
const PEER: Rows['peers'] = {
  ...{name: TUNNEL.name, kind: 'tunnel', session: 'tun_b', address: TUNNEL.peer, as: 2, state: 'Established'},
  ...{up: true, since: null, bfd: true, received: 3, accepted: 3, filtered: 0, exported: 3},
  ...{limit: null, overLimit: false, lastError: null},
}
const OURS = '10.1.0.5'
const THEIRS = '10.2.0.5'
const ROWS: {readonly [K in Kind]?: readonly Rows[K][]} = {
  peers: [PEER],
  endpoints: [
    {...ENDPOINT, address: OURS, site: 'a'},
    {...ENDPOINT, address: THEIRS, site: 'b'},
    {...ENDPOINT, address: '10.2.8.0/24', site: 'b', kind: 'set'},
    // Judged like anybody, and not looked for in the routes.
    {...ENDPOINT, address: '10.2.9.0/24', site: 'b', kind: 'prefix'},
  ],
}
const FRESH: GatewayStatus = {
  ...STATUS,
  tunnels: [TUNNEL],
  sites: [...STATUS.sites, {...STATUS.sites[0]!, name: 'b', local: false, state: 'fresh'}],
  datastores: STATUS.datastores.map((one) => ({
    ...{...one, connected: true, synced: true, restored: false, lastError: null},
  })),
}

const NOW_MS = Date.parse('2026-01-02T03:06:05.000Z')

/** As the compiler writes it: from ours to theirs and back TCP may pass. */
const RULESET = `
table inet isthmus {
  counter deny_unowned { }
  map class4 { type ipv4_addr : mark; elements = { ${OURS} : 0x00000001, ${THEIRS} : 0x00000002 }; }
  map class4d { type ipv4_addr : classid; elements = { ${OURS} : 0:1, ${THEIRS} : 0:2 }; }
  map cidr4 { type ipv4_addr : mark; flags interval; elements = { 10.2.0.0/16 : 0x00000003 }; }
  map cidr4d { type ipv4_addr : classid; flags interval; elements = { 10.2.0.0/16 : 0:3 }; }
  map pairs { type mark . classid : mark; elements = { 0x00000001 . 0:2 : 0x80000001, 0x00000001 . 0:3 : 0x80000001 }; }
  map judge_sources { type mark : mark; elements = { 0x00000002 : 0x80000002, 0x00000003 : 0x80000002 }; }
  map judge_destinations { type classid : mark; elements = { 0:1 : 0x80000003 }; }
  chain judge { }
  chain allowed { accept; }
  chain deny_unowned { counter name "deny_unowned" drop; }
  chain v_1 { meta l4proto 6 goto allowed; goto deny_unowned; }
  chain judge_destination { }
  map verdicts { type mark : verdict; elements = { 0x80000001 : goto v_1 }; }
  map outs { type mark : verdict; elements = { 0x80000002 : goto judge_destination }; }
  map ins { type mark : verdict; elements = { 0x80000003 : goto v_1 }; }
  map ins_unowned { type mark : verdict; }
}`

inNamespace(import.meta.url, () => {
  describe('isthmus test', function () {
    this.timeout(20_000)
    let folder: string
    let socketPath: string
    let api: RunningApi
    let b: Namespace
    let status: GatewayStatus

    before(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'isthmus-test-'))
      socketPath = path.join(folder, 'api.sock')
      writeFileSync(path.join(folder, 'gateway.yaml'), gatewayYaml(['http://127.0.0.1:1'], {sites: REMOTE_B}))
      writeFileSync(
        path.join(folder, 'rules.nft'),
        RULESET.replaceAll('; ', '\n').replaceAll('{ ', '{\n').replaceAll(' }', '\n}'),
      )
      b = createNamespace('b')
      shell(`ip link set lo up
        ip link add is-b mtu 1400 type veth peer name is-a mtu 1400 netns ${b.name}; ip link set is-b up
        ip addr add 100.64.1.0/32 peer 100.64.2.0 dev is-b
        ip route add unreachable 10.2.0.0/16 metric 4000; ip route add 10.2.0.0/24 via 100.64.2.0 dev is-b
        nft -f ${folder}/rules.nft`)
      b.run('ip link set is-a up; ip addr add 100.64.2.0/32 peer 100.64.1.0 dev is-a')
      const view = fakeView({
        get: ((kind: Kind) => ROWS[kind] ?? []) as GatewayView['get'],
        status: () => status,
        trace: (flow) => {
          const {protocol} = flow as {protocol: string}
          return {ok: true, answer: {verdict: protocol === 'tcp' ? 'allow' : 'deny', reason: 'rule'}}
        },
      })
      api = await startApi({view, socketPath, metrics: null, onError: assert.fail})
    })
    beforeEach(() => {
      status = FRESH
    })
    after(async () => {
      await api.close()
      rmSync(folder, {recursive: true})
      b.remove()
    })
    const run = (...args: string[]): Promise<CliResult> =>
      cli(['test', '--config', path.join(folder, 'gateway.yaml'), ...args], socketPath, undefined, {
        // Nothing is on its way here that would have to be waited for.
        clock: {nowMs: () => NOW_MS, sleep: async () => undefined},
      })
    const failing = async (): Promise<string[]> => {
      const {out} = await run('--seed', '5', '-o', 'json')
      const {checks} = JSON.parse(out) as {checks: Proof[]}
      return checks.filter(({result}) => result !== 'ok').map(({check}) => check)
    }

    it('proves a site, and says by which seed', async () => {
      const {status: code, out} = await run('--site', 'b', '--seed', '5')
      assert.equal(code, 0, out)
      assert.match(out, /^ok b datastore: revision 12, 30 keys/)
      assert.match(
        out,
        /\nok b tunnel .*: ipip on is-b: up, a small packet .*, one of 1400 bytes, whole, is answered\n/,
      )
      assert.match(
        out,
        /\nok b routes: 1 routes in the kernel for 10\.2\.0\.0\/16\n {6}10\.2\.0\.5 goes out by is-b from /,
      )
      assert.match(out, /\nok b policy: 16 flows are judged alike by daemon and kernel, 8 of them allowed\n/)
      assert.match(out, /\n6 ok, 0 failed, 0 not looked at; --seed 5 samples the same\n$/)
    })

    const breaks: readonly [what: string, wrong: readonly string[], how: string, back: string][] = [
      [
        'an element of the kernel is gone',
        ['policy'],
        `nft delete element inet isthmus class4 { ${THEIRS} }`,
        `nft add element inet isthmus class4 { ${THEIRS} : 0x2 }`,
      ],
      [
        'a pair is judged by its ends',
        ['policy'],
        'nft delete element inet isthmus pairs { 0x1 . 0:2 }',
        'nft add element inet isthmus pairs { 0x1 . 0:2 : 0x80000001 }',
      ],
      [
        'somebody lets all pass',
        ['policy'],
        'nft insert rule inet isthmus v_1 accept',
        'nft flush chain inet isthmus v_1; nft add rule inet isthmus v_1 meta l4proto 6 goto allowed; nft add rule inet isthmus v_1 goto deny_unowned',
      ],
      ['the path is narrow', [`tunnel ${TUNNEL.name}`], 'ip link set is-b mtu 1300', 'ip link set is-b mtu 1400'],
      [
        'nothing keeps packets from the default route',
        ['no way around'],
        'ip route del unreachable 10.2.0.0/16',
        'ip route add unreachable 10.2.0.0/16 metric 4000',
      ],
      [
        'a route leads elsewhere',
        ['routes', 'no way around'],
        `ip link add wan type veth peer name wan1; ip addr add 192.0.2.1/24 dev wan; ip link set wan up; ip route add ${THEIRS} dev wan`,
        'ip link del wan',
      ],
    ]
    for (const [what, wrong, how, back] of breaks) {
      it(`${what}: ${wrong.join(', ')}`, async () => {
        shell(how)
        try {
          assert.deepEqual(await failing(), wrong)
        } finally {
          shell(back)
        }
        assert.deepEqual(await failing(), [])
      })
    }

    it('a datastore that is not heard of is a failure: status 1, with what to do', async () => {
      status = {...FRESH, datastores: STATUS.datastores}
      const {status: code, out} = await run()
      assert.equal(code, 1)
      assert.match(out, /^no b datastore: .* came from disk.*\n {6}next: isthmus diagnose datastore b\n/)
    })

    it('YAML has the same', async () => {
      const {out} = await run('-o', 'yaml')
      assert.equal((parse(out) as {ok: boolean}).ok, true)
    })

    it('an unknown site is wrong usage, and a gateway that does not answer is status 3', async () => {
      const unknown = await run('--site', 'bb')
      assert.equal(unknown.status, 2)
      assert.match(unknown.err, /no remote site 'bb'/)
      assert.equal((await cli(['test', '--config', path.join(folder, 'gateway.yaml')], '/nonexistent/s')).status, 3)
      assert.equal((await run('--seed', 'x')).status, 2)
    })
  })
})
