import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {type GatewayView, type Kind, type Meant, type Rows, type RunningApi, startApi} from '../../src/api/index.ts'
import {parseEcho} from '../../src/probe/index.ts'
import {ENDPOINT, fakeView, STATUS} from '../support/fake-view.ts'
import {createNamespace, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {cli} from '../support/run-cli.ts'

const TUNNEL: Rows['tunnels'] = {
  ...STATUS.tunnels[0]!,
  ...{device: 'is-b', local: '100.64.1.0', peer: '100.64.2.0', mtu: 1400, configuredMtu: 1400, probes: null},
}
const POD = '10.2.5.7'
const LAN = '10.1.0.1'
const ROUTE: Rows['routes'] = {
  ...{
    name: '10.2.5.0/24',
    best: true,
    site: 'b',
    kind: 'tunnel',
    protocol: 'tun_b',
    peer: TUNNEL.name,
    dest: 'unicast',
  },
  ...{via: [{address: TUNNEL.peer, device: 'is-b'}], refusedByKernel: false, preference: 100, bgp: null},
}
const ROWS: {readonly [K in Kind]?: readonly Rows[K][]} = {
  gateways: [
    {name: 'b/b1', site: 'b', local: false, uplinks: ['wan 192.0.2.2'], alive: null, leader: false},
    {name: 'a/a1', site: 'a', local: true, uplinks: ['wan 192.0.2.1'], alive: true, leader: true},
  ],
  routes: [ROUTE],
  endpoints: [{...ENDPOINT, address: POD, site: 'b', names: ['shop/db-1']}],
}

describe('what fping says', () => {
  for (const [text, expected] of [
    [
      '10.0.0.1 : xmt/rcv/%loss = 3/2/33%, min/avg/max = 0.05/0.06/0.08\n',
      {sent: 3, received: 2, avgMs: 0.06, told: null},
    ],
    [
      'ICMP Time Exceeded from 10.0.0.9 for ICMP Echo sent to 10.0.0.1\n\n10.0.0.1 : xmt/rcv/%loss = 1/0/100%\n',
      {sent: 1, received: 0, avgMs: null, told: {words: 'Time Exceeded', by: '10.0.0.9'}},
    ],
    [
      'fping: cannot bind source address : Cannot assign\n',
      {sent: 0, problem: 'cannot bind source address : Cannot assign'},
    ],
  ] as const) {
    it(text.trim().split('\n')[0]!, () => assert.deepEqual({...parseEcho(text), ...expected}, parseEcho(text)))
  }
})

/** This gateway, a; b beyond an underlay and a tunnel (a link of its own); a pod behind b. */
inNamespace(import.meta.url, () => {
  describe('ping, traceroute and mtu through the interconnect', function () {
    this.timeout(30_000)
    let folder: string
    let socketPath: string
    let api: RunningApi
    let [b, pod]: Namespace[] = []
    let allowed: readonly string[] = [LAN]

    before(async () => {
      b = createNamespace('b')
      pod = createNamespace('pod')
      shell(`ip link set lo up; sysctl -qw net.ipv4.conf.all.rp_filter=0
        ip link add wan type veth peer name wan netns ${b.name}; ip link set wan up; ip addr add 192.0.2.1/24 dev wan
        ip link add is-b mtu 1400 type veth peer name is-a mtu 1400 netns ${b.name}; ip link set is-b up
        ip addr add 100.64.1.0/32 peer 100.64.2.0 dev is-b
        ip link add lan type veth peer name lan1; ip link set lan up; ip link set lan1 up; ip addr add ${LAN}/24 dev lan`)
      b.run(`ip link set wan up; ip addr add 192.0.2.2/24 dev wan; ip link set is-a up; sysctl -qw net.ipv4.ip_forward=1
        ip addr add 100.64.2.0/32 peer 100.64.1.0 dev is-a; ip route add 10.1.0.0/24 via 100.64.1.0 dev is-a
        ip link add pods type veth peer name eth0 netns ${pod.name}; ip link set pods up; ip addr add 10.2.5.1/24 dev pods`)
      pod.run(`ip link set eth0 up; ip addr add ${POD}/24 dev eth0; ip route add default via 10.2.5.1`)
      shell('ip route add 10.2.5.0/24 via 100.64.2.0 dev is-b')
      folder = mkdtempSync(path.join(tmpdir(), 'isthmus-path-'))
      socketPath = path.join(folder, 'api.sock')
      const get = ((kind: Kind, {name}: Meant = {}) =>
        (ROWS[kind] ?? []).filter(
          (row) => name === undefined || ('address' in row ? row.address === name : kind === 'routes'),
        )) as GatewayView['get']
      const site = {...STATUS.sites[0]!, name: 'b', local: false}
      const view = fakeView({
        get,
        status: () => ({...STATUS, tunnels: [TUNNEL], sites: [...STATUS.sites, site]}),
        trace: (flow) => {
          const {from} = flow as {from: string}
          return {ok: true, answer: {verdict: allowed.includes(from) ? 'allow' : 'deny', reason: 'default'}}
        },
      })
      api = await startApi({view, socketPath, metrics: null, onError: assert.fail})
    })
    after(async () => {
      await api.close()
      rmSync(folder, {recursive: true})
      b!.remove()
      pod!.remove()
    })
    const run = (...args: string[]) => cli(args, socketPath)

    it('ping SITE: the underlay and the tunnel, each by itself', async () => {
      const {status, out} = await run('ping', 'b', '--count', '2')
      assert.equal(status, 0, out)
      const [below, through, ...more] = out.trimEnd().split('\n')
      assert.match(
        below!,
        /^ok underlay of wan b\/b1\/wan 0: gateway a\/a1, uplink wan → gateway b\/b1 192\.0\.2\.2: 2 of 2 answered, /,
      )
      assert.match(
        through!,
        /^ok tunnel wan b\/b1\/wan 0 \(ipip\): gateway a\/a1 100\.64\.1\.0 → gateway b\/b1 100\.64\.2\.0: 2 of 2 answered, [\d.]+\/[\d.]+\/[\d.]+ ms$/,
      )
      assert.deepEqual(more, [])
    })

    it('ping ADDRESS: to the pod as well, from an address that policy allows', async () => {
      const {status, out} = await run('ping', POD, '--count', '1')
      assert.equal(status, 0, out)
      assert.match(
        out,
        new RegExp(
          `\nok to the end, shop/db-1 ${POD} in site b: .* 1 of 1 answered, .*, from ${LAN} \\(allow: no policy decides`,
        ),
      )
      // Its far end would drop what comes from there, whatever policy says.
      allowed = ['192.0.2.1']
      const refused = await run('ping', POD, '--count', '1')
      assert.match(
        refused.out,
        new RegExp(
          `\n-- to the end, .*: not asked: no address of this gateway may: from ${LAN} deny: no policy decides`,
        ),
      )
      assert.equal(refused.status, 0, 'that policy refuses it is no fault of the way')
      allowed = [LAN]
    })

    it('traceroute: every hop with its name', async () => {
      const {status, out} = await run('traceroute', POD)
      assert.equal(status, 0, out)
      assert.match(
        out,
        /^ok hop 1: (?:100\.64\.2\.0), gateway b\/b1, over tunnel wan b\/b1\/wan 0\nok hop 2: 10\.2\.5\.7, shop\/db-1, [\d.]+ ms\n$/,
      )
      const json = JSON.parse((await run('traceroute', POD, '-o', 'json')).out)
      assert.deepEqual(
        json.rows.map(({hop}: {hop: string}) => hop),
        ['100.64.2.0', POD],
      )
    })

    it('mtu: the largest that passes whole, with what is configured', async () => {
      assert.equal(
        (await run('mtu', 'b')).out,
        'ok tunnel wan b/b1/wan 0 (ipip): 1400 bytes pass whole; 1400 in use, 1400 computed\n',
      )
      b!.run('ip link set is-a mtu 1302')
      const {status, out} = await run('mtu', POD)
      assert.equal(status, 1)
      // A veth lets four bytes more come in than it sends, for a VLAN's tag.
      assert.match(
        out,
        /^no tunnel wan b\/b1\/wan 0 \(ipip\): 130[2-6] bytes pass whole; 1400 in use, 1400 computed\n {6}isthmus describe/,
      )
      b!.run('ip link set is-a mtu 1400')
    })

    it('a tunnel that is dead on a living underlay is told so', async () => {
      b!.run('ip link set is-a down')
      const {status, out} = await run('ping', 'b', '--count', '1')
      assert.equal(status, 1)
      assert.match(out, /^ok underlay .*\nno tunnel wan b\/b1\/wan 0 .*: 0 of 1 answered\n {6}isthmus describe tunnel/)
      b!.run('ip link set is-a up; ip route replace 10.1.0.0/24 via 100.64.1.0 dev is-a')
    })

    it('what is neither site nor address', async () => {
      const {status, err} = await run('ping', 'bb')
      assert.equal(status, 2)
      assert.match(err, /^error: 'bb' is neither a site nor an address; did you mean b\?/)
    })
  })
})
