import assert from 'node:assert/strict'
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {pino} from 'pino'
import {startApi} from '../../src/api/index.ts'
import {createFastPath, createSysctlDriver} from '../../src/apply/index.ts'
import {sysctlMemory} from '../../src/gateway/sysctl-memory.ts'
import {
  BIRD_HASH_CONSTANT,
  LAN_LOST_TABLE,
  QUEUE_HANDLE,
  RULE_PROTOCOL,
  type StepKey,
  sysctlKey,
} from '../../src/model/index.ts'
import {planSysctls} from '../../src/plan/index.ts'
import {fakeView} from '../support/fake-view.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {inNamespace, shell} from '../support/namespace.ts'
import {cli} from '../support/run-cli.ts'

/** All that a kernel says of this namespace. */
const kernel = (): string =>
  [
    'ip -d link show | grep -v "^ *\\(RX\\|TX\\)"',
    'ip address show | grep -v valid_lft',
    'ip -4 route show table all',
    'ip -6 route show table all',
    'ip -4 rule show',
    'ip -6 rule show',
    'nft list ruleset',
    "tc qdisc show | sed 's/direct_packets_stat [0-9]*//'",
    `for f in ${planSysctls([])
      .map(({path}) => `/proc/sys/${path.join('/')}`)
      .join(' ')}; do echo $f; cat $f; done`,
  ]
    .map((command) => shell(`${command} || true`))
    .join('\n--\n')

inNamespace(import.meta.url, () => {
  describe('isthmus purge', function () {
    this.timeout(30_000)
    const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-purge-'))
    const file = path.join(folder, 'gateway.yaml')
    const [state, run, bird] = ['state', 'run', 'bird.conf'].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ]
    const handle = QUEUE_HANDLE.toString(16)
    let before = ''

    after(() => rmSync(folder, {recursive: true}))

    /** As a gateway leaves it behind, by our own drivers where they can be had without a kernel that has all modules. */
    const isthmusWasHere = async (): Promise<void> => {
      shell(`ip link add is-b-1f2e3d type vxlan id 7 local 192.0.2.1 remote 192.0.2.9 dstport 4790 df set
        ip link set is-b-1f2e3d addrgenmode none; ip link set is-b-1f2e3d alias 'isthmus a/a1/wan b/b1/wan slot 0' up; ip addr add 100.64.1.0/32 peer 100.64.2.0 dev is-b-1f2e3d
        ip route add 10.2.5.0/24 via 100.64.2.0 proto bird; ip route add unreachable 10.3.0.0/16 proto bird
        ip -6 route add unreachable 2001:db8:3::/48 proto bird
        ip route add unreachable 10.1.7.0/24 table ${LAN_LOST_TABLE}
        ip rule add from 192.0.2.1 lookup 1790 priority 1790 protocol ${RULE_PROTOCOL}
        ip -6 rule add from 2001:db8::1 lookup 1791 priority 1791 protocol ${RULE_PROTOCOL}
        ip route add default via 192.0.2.9 table 1790 proto bird
        tc qdisc add dev wan root handle ${handle}: htb default 2
        nft 'add table inet isthmus; add chain inet isthmus forward { type filter hook forward priority 0; policy drop; }'`)
      const fastPath = createFastPath()
      await fastPath.follow([Number(shell('cat /sys/class/net/wan/ifindex'))])
      fastPath.close()
      writeFileSync(bird, `# Written by Isthmus\nrouter id 192.0.2.1;\ndefine ${BIRD_HASH_CONSTANT} = "x";\n`)
      mkdirSync(run)
      const wanted = planSysctls([])
      const driver = createSysctlDriver(() => wanted, sysctlMemory(state, pino({level: 'silent'})))
      const signal = new AbortController().signal
      const steps = wanted.map((spec) => ({
        driver: 'sysctl' as const,
        key: sysctlKey(spec) as StepKey,
        spec,
        needs: [],
        reason: '',
      }))
      await driver.apply(steps, signal)
      // A restart of the daemon, after somebody else has changed one: the first value is the one to go back to.
      shell('sysctl -qw net.ipv4.fib_multipath_hash_policy=2')
      await driver.apply(steps, signal)
    }

    it('leaves the kernel as it was, byte for byte, and what is others’ alone', async () => {
      shell(`ip link add wan type veth peer name far; ip link set wan addrgenmode none; ip link set far addrgenmode none; ip link set wan up; ip link set far up; ip addr add 192.0.2.1/24 dev wan
        ip link add is-not-ours type veth peer name is-neither; ip link set is-not-ours alias 'somebody else'
        ip rule add from 192.0.2.1 lookup 1790 priority 1789
        ip route add 10.77.0.0/16 via 192.0.2.9; ip route add 10.78.0.0/16 via 192.0.2.9 proto static
        nft 'add table inet others; add chain inet others c; add rule inet others c counter'
        sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.send_redirects=1 net.ipv4.fib_multipath_hash_policy=0`)
      writeFileSync(
        file,
        `${gatewayYaml(['http://192.0.2.9:2379'])}paths: {state: ${state}, run: ${run}, birdConfig: ${bird}, birdSocket: ${folder}/bird.ctl}\n`,
      )
      const checked = await cli(['check', file])
      assert.equal(checked.status, 0, checked.out + checked.err)
      before = kernel()
      await isthmusWasHere()
      assert.notEqual(kernel(), before)

      const full = kernel()
      const dry = await cli(['purge', '--dry-run', '--config', file])
      assert.deepEqual([dry.status, kernel()], [0, full], dry.err)
      assert.match(dry.out, /device is-b-1f2e3d +remove/)
      assert.match(dry.out, /setting net\/ipv4\/ip_forward +restore +1 → 0, as before/)
      assert.match(dry.out, /state folder .* +keep +/)
      assert.ok(!dry.out.includes('is-not-ours'))
      assert.match(dry.err, /nothing was done: --dry-run/)

      const done = await cli(['purge', '--yes', '--config', file])
      assert.deepEqual([done.status, done.err], [0, ''])
      assert.equal(done.out, dry.out, 'what was announced')
      assert.equal(kernel(), before)
      assert.equal(existsSync(run), false)
      assert.match(
        readFileSync(bird, 'utf8'),
        /^# Isthmus was removed .*\nrouter id 192\.0\.2\.1;\nprotocol device \{\}\n$/,
      )
    })

    it('a second time there is nothing but the state folder, which goes when asked', async () => {
      assert.ok(existsSync(state))
      const {status, out} = await cli(['purge', '--yes', '--state', '--config', file])
      assert.equal(status, 0)
      assert.match(out, /^state folder .* remove/m)
      assert.ok(!/device|nft|routes/.test(out), out)
      assert.equal(existsSync(state), false)
      assert.equal(kernel(), before)
    })

    it('refuses while the daemon answers', async () => {
      const api = await startApi({
        view: fakeView(),
        socketPath: path.join(run, 'api.sock'),
        metrics: null,
        onError: assert.fail,
      })
      try {
        for (const how of ['--yes', '--dry-run']) {
          const {status, out, err} = await cli(['purge', how, '--config', file])
          assert.deepEqual([status, out], [1, ''])
          assert.match(err, /^error site-in-use socket .*: the daemon runs, .*systemctl stop isthmus/)
        }
      } finally {
        await api.close()
      }
    })

    for (const args of [[], ['--yes', '--dry-run']]) {
      it(`asks for one of the two: ${args.join(' ')}`, async () => {
        const {status, err} = await cli(['purge', ...args, '--config', file])
        assert.equal(status, 2)
        assert.match(err, /^error: say --dry-run to see what would go, or --yes/)
      })
    }
  })
})
