import assert from 'node:assert/strict'
import path from 'node:path'
import {createFastPath, type FastPath} from '../../src/apply/index.ts'
import {REMEMBER_MARK} from '../../src/model/index.ts'
import {createFlowEnds} from '../support/flow-process.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

// Needs the modules ipip, sit and wireguard; run in the VM where the running kernel has none.
const OWN = `table inet own {
  chain forward {
    type filter hook forward priority 0;
    meta l4proto udp meta mark set ${REMEMBER_MARK}
  }
}
`
/** Devices whose frames have no Ethernet header, made at the router and at the far end. */
const KINDS: readonly [kind: string, family: 4 | 6, make: (here: string, there: string, keys: Keys) => string][] = [
  ['ipip', 4, (here, there) => `ip link add tun type ipip local ${here} remote ${there} ttl 64`],
  ['sit', 6, (here, there) => `ip link add tun type sit local ${here} remote ${there} ttl 64`],
  [
    'wireguard',
    4,
    (_, there, {own, peer}) => `ip link add tun type wireguard
      wg set tun private-key ${own} listen-port 51820 peer ${peer} allowed-ips 0.0.0.0/0 endpoint ${there}:51820`,
  ],
]
interface Keys {
  /** A file. */
  readonly own: string
  readonly peer: string
}
const POD = {4: '10.1.0.5', 6: 'fd01::5'}
const FAR = {4: '10.2.0.7', 6: 'fd02::7'}
const [HERE, THERE] = ['192.0.2.1', '192.0.2.2']

inNamespace(import.meta.url, () => {
  describe('the fast path on devices without Ethernet', () => {
    let fastPath: FastPath
    let pod: Namespace
    let far: Namespace
    // This file is bundled, and the script is not.
    const ends = createFlowEnds(path.resolve('test/support/flow-end.ts'))

    before(function () {
      this.timeout(60_000)
      fastPath = createFastPath()
      assert.equal(fastPath.missing, null)
      ;[pod, far] = [createNamespace('pod'), createNamespace('far')]
      shell('nft -f -', OWN)
      shell(`sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
        ip link add near type veth peer name eth0 netns ${pod.name}; ip link set near up
        ip link add wan type veth peer name wan netns ${far.name}; ip link set wan up
        ip address add ${HERE}/24 dev wan; ip address add 10.1.0.1/24 dev near; ip -6 address add fd01::1/64 dev near nodad
        umask 077; for end in here there; do wg genkey >/tmp/fast-path-$end; done`)
      pod.run(`ip link set eth0 up; ip address add ${POD[4]}/24 dev eth0; ip -6 address add ${POD[6]}/64 dev eth0 nodad
        ip route add default via 10.1.0.1; ip -6 route add default via fd01::1`)
      far.run(`ip link set wan up; ip address add ${THERE}/24 dev wan
        ip address add ${FAR[4]}/32 dev lo; ip -6 address add ${FAR[6]}/128 dev lo nodad`)
    })
    after(() => {
      ends.stop()
      fastPath?.close()
      for (const namespace of [pod, far]) namespace?.remove()
    })

    for (const [index, [kind, family, make]] of KINDS.entries()) {
      it(`${kind}: takes packets from it, and to it`, async () => {
        const keys = (own: string, other: string): Keys => {
          const peer = kind === 'wireguard' ? shell(`wg pubkey </tmp/fast-path-${other}`).trim() : ''
          return {own: `/tmp/fast-path-${own}`, peer}
        }
        shell(`${make(HERE, THERE, keys('here', 'there'))}
          ip link set tun up; ip -${family} route add ${FAR[family]} dev tun`)
        far.run(`${make(THERE, HERE, keys('there', 'here'))}
          ip link set tun up; ip -${family} route add ${POD[family]} dev tun src ${FAR[family]}`)
        await fastPath.follow(['near', 'tun'].map((name) => Number(shell(`cat /sys/class/net/${name}/ifindex`))))
        assert.equal(fastPath.size(), 2)
        fastPath.open()
        const port = 4000 + index
        await ends.start(pod, 'serve', 'udp', POD[family], port)
        const answers = await ends.start(far, 'ask', 'udp', FAR[family], port, POD[family], port)
        await eventually(() => answers() > 3, 20_000)
        const [packets, before] = [fastPath.packets(), answers()]
        await eventually(() => answers() >= before + 20, 20_000)
        const fast = fastPath.packets() - packets
        assert.ok(fast >= 30, `${fast} packets for 20 questions and answers`)
        ends.stop()
        for (const run of [shell, far.run]) run('ip link delete tun')
      }).timeout(90_000)
    }
  })
})
