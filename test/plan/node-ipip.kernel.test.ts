import assert from 'node:assert/strict'
import {fileURLToPath} from 'node:url'
import {createNftDriver, type NftDriver} from '../../src/apply/index.ts'
import {diff, diffNft} from '../../src/diff/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {CalicoNode, FouPort, LinkSpec} from '../../src/model/index.ts'
import {plan, planRuleset} from '../../src/plan/index.ts'
import {nodeLinks} from '../../src/plan/node-ipip.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {nodeOf} from '../support/interconnect.ts'
import {udpDatagram} from '../support/ip-packets.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {rawRecord} from '../support/records.ts'
import {address, configOf, EXPORT, listOf, prefix, remote} from '../support/sites.ts'

const SEND_RAW = fileURLToPath(new URL('../support/send-raw.ts', import.meta.url))
/** Of site b. */
const GATEWAY = '10.50.0.21'
const signal = new AbortController().signal
const [OWN, SHARED] = [address('192.168.10.1'), address('192.168.10.9')]
const CONFIG = configOf({
  owns: [prefix('10.1.0.0/16'), prefix('10.7.64.0/18'), prefix('fd00:1::/48')],
  sites: new Map([remote('b', '10.2.0.0/16')]),
  nodes: {session: 'ibgp', localAs: 64512, nextHop: SHARED, ipip: {address: OWN, shared: [SHARED], mtu: 1480}},
})

/** An IPv4 header without anything behind it. */
function inner(source: string): string {
  const bytes = Buffer.alloc(20)
  bytes.set([0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17])
  bytes.set([...source.split('.'), ...'10.2.0.7'.split('.')].map(Number), 12)
  return bytes.toString('hex')
}

describe('devices towards nodes behind a router', () => {
  it('none unless it is asked for', () => {
    assert.deepEqual(nodeLinks({nodes: {session: 'ibgp', localAs: 64512, nextHop: SHARED}}), [])
    assert.deepEqual(nodeLinks({nodes: null}), [])
  })

  it('one for all nodes, and one more for each address that moves', () => {
    const link = {kind: 'ipip', mtu: 1480, remote: '0.0.0.0', ttl: 64}
    const own = {...link, name: 'is-nodes', alias: 'isthmus nodes:192.168.10.1', local: OWN}
    assert.deepEqual(nodeLinks(CONFIG), [
      own,
      {...link, name: 'is-at-c0a80a09', alias: 'isthmus nodes:192.168.10.9', local: SHARED},
    ])
    assert.deepEqual(nodeLinks({nodes: {...CONFIG.nodes!, ipip: {...CONFIG.nodes!.ipip!, shared: []}}}), [own])
  })

  it('are part of the plan with the settings of tunnels, and are gone as soon as nobody wants them', () => {
    const of = (config: typeof CONFIG) => {
      const world = new Federation(config).world()
      const policy = {...compilePolicy(world, {default: 'deny', previous: null, firstClass: 7}), findings: []}
      const empty = {keys: new Map(), passwords: new Map(), devices: new Map(), limits: new Map()}
      return plan({...{config, world, policy, ...empty}, uplinkDevices: [], draining: false}).desired
    }
    const desired = of(CONFIG)
    assert.deepEqual(desired.links, nodeLinks(CONFIG))
    assert.ok(desired.sysctls.some(({path, value}) => path.join('/').endsWith('is-nodes/rp_filter') && value === '0'))
    const actual = {
      ...{
        sysctls: new Map(),
        addresses: [],
        wireguard: [],
        queues: [],
        sourceRules: [],
        fouPorts: [],
        nft: null,
        bird: null,
      },
      links: desired.links.map((spec, index) => ({name: spec.name, index, up: true, spec})),
    }
    const steps = (next: typeof CONFIG) =>
      diff(of(next), actual, {mayPrune: () => false}).filter(({driver}) => driver === 'netlink')
    assert.deepEqual(steps(CONFIG), [])
    assert.deepEqual(
      steps({...CONFIG, nodes: null}).map(({key}) => key),
      ['unlink is-nodes', 'unlink is-at-c0a80a09'],
    )
  })
})

inNamespace(import.meta.url, () => {
  describe('IPIP from nodes, in the real kernel', () => {
    let driver: NftDriver
    let fabric: Namespace
    const load = async (
      nodes: readonly CalicoNode[],
      config = CONFIG,
      links: readonly LinkSpec[] = [],
      fouPorts: readonly FouPort[] = [],
    ): Promise<void> => {
      const federation = new Federation(config)
      federation.update(
        listOf('export/b', [
          rawRecord(`${EXPORT}site`, {as: 2, prefixes: ['10.2.0.0/16']}),
          rawRecord(`${EXPORT}gateways/b1`, {
            uplinks: [{name: 'wan', address: GATEWAY, inner: ['100.64.0.2', '100.64.0.3']}],
            tunnels: {},
          }),
        ]),
      )
      const world = {...federation.world(), nodes}
      const policy = compilePolicy(world, {default: 'deny', previous: null, firstClass: 7})
      const input = {
        config,
        world,
        tunnels: [],
        links,
        wireguard: [],
        fouPorts,
        uplinkDevices: [],
        devices: new Map(),
        policy,
      }
      const outcomes = await driver.apply(diffNft(planRuleset(input), await driver.read(signal)), signal)
      assert.deepEqual(
        outcomes.filter(({ok}) => !ok),
        [],
      )
    }
    const counted = async (counter: string): Promise<number> => (await driver.readCounters()).get(counter)?.packets ?? 0
    const taken = (): number => Number(/packets (\d+)/.exec(shell('nft list counter inet behind taken'))![1])
    /** What becomes of one packet of protocol 4. */
    async function fate(from: string, source: string, to = '192.168.10.1'): Promise<string> {
      const before = [taken(), await counted('spoofed'), await counted('tunnel_unknown')]
      fabric.run(`${process.execPath} ${SEND_RAW} 4 ${to} ${from} ${inner(source)}`)
      return eventually(async () => {
        const now = [taken(), await counted('spoofed'), await counted('tunnel_unknown')]
        const at = now.findIndex((count, index) => count > before[index]!)
        return at >= 0 && ['taken', 'spoofed', 'tunnel_unknown'][at]
      })
    }

    before(async function () {
      this.timeout(20_000)
      driver = createNftDriver()
      fabric = createNamespace('fabric')
      shell(`ip link add lan0 type veth peer name eth0 netns ${fabric.name}; ip link set lan0 up
        ip address add 192.168.10.1/24 dev lan0; ip address add 192.168.10.9/32 dev lan0
        ip address add 192.168.10.5/32 dev lan0; ip route add 10.50.0.0/16 dev lan0
        sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lan0.rp_filter=0`)
      fabric.run(`ip link set eth0 up; ip address add 192.168.10.254/24 dev eth0
        for last in 11 12 13 21; do ip address add 10.50.0.$last/32 dev lo; done`)
      shell(
        'nft -f -',
        `table inet behind {
  counter taken {
  }
  chain taken {
    type filter hook input priority 100; policy accept;
    meta l4proto 4 counter name "taken"
    udp dport 5555 counter name "taken"
  }
}
`,
      )
      await load([nodeOf('n1', '10.50.0.11'), nodeOf('n2', '10.50.0.12')])
    })
    after(async () => {
      await driver?.close()
      fabric?.remove()
    })

    const cases: {name: string; from: string; source: string; to?: string; fate: string}[] = [
      {name: 'a node’s pod', from: '10.50.0.11', source: '10.1.3.4', fate: 'taken'},
      {
        name: 'another node’s, to the shared address',
        from: '10.50.0.12',
        source: '10.1.0.0',
        to: SHARED,
        fate: 'taken',
      },
      {name: 'the first of a prefix that ends within an octet', from: '10.50.0.11', source: '10.7.64.0', fate: 'taken'},
      {name: 'its last', from: '10.50.0.11', source: '10.7.127.255', fate: 'taken'},
      {name: 'one before it', from: '10.50.0.11', source: '10.7.63.255', fate: 'spoofed'},
      {name: 'one behind it', from: '10.50.0.11', source: '10.7.128.0', fate: 'spoofed'},
      {name: 'a remote site’s address', from: '10.50.0.11', source: '10.2.0.7', fate: 'spoofed'},
      {name: 'the node’s own, which is in no pool', from: '10.50.0.11', source: '10.50.0.11', fate: 'spoofed'},
      {name: 'no node', from: '10.50.0.13', source: '10.1.3.4', fate: 'tunnel_unknown'},
      {
        name: 'an address that nodes do not send to',
        from: '10.50.0.11',
        source: '10.1.3.4',
        to: '192.168.10.5',
        fate: 'tunnel_unknown',
      },
    ]
    for (const {name, from, source, to, fate: expected} of cases) {
      it(`${expected}: ${name}`, async () => assert.equal(await fate(from, source, to), expected))
    }

    it('a node that comes is let in, one that goes is not, by one element each', async () => {
      await load([nodeOf('n2', '10.50.0.12'), nodeOf('n3', '10.50.0.13')])
      assert.equal(await fate('10.50.0.13', '10.1.3.4'), 'taken')
      assert.equal(await fate('10.50.0.11', '10.1.3.4'), 'tunnel_unknown')
    })

    /** As fou carries it, behind whose port the kernel asks nobody. */
    const inUdp = (from: string, source: string): Buffer => {
      const ports = [5555, 5555] as const
      return udpDatagram({source: from, destination: OWN}, ports, Buffer.from(inner(source), 'hex'))
    }
    async function fateInUdp(from: string, source: string): Promise<string> {
      const before = [taken(), await counted('tunnel_unknown')]
      fabric.run(`${process.execPath} ${SEND_RAW} 17 ${OWN} ${from} ${inUdp(from, source).toString('hex')}`)
      return eventually(async () => {
        const at = [taken(), await counted('tunnel_unknown')].findIndex((count, index) => count > before[index]!)
        return at >= 0 && ['taken', 'tunnel_unknown'][at]
      })
    }

    it('another site’s gateway does not come for a node, but by its own tunnel', async () => {
      const nodes = [nodeOf('n1', '10.50.0.11')]
      const fou: FouPort = {local: OWN, port: 5555, protocol: 4}
      await load(nodes, CONFIG, [], [fou])
      assert.equal(await fate(GATEWAY, '10.1.3.4'), 'tunnel_unknown')
      assert.equal(await fate(GATEWAY, '10.1.3.4', SHARED), 'tunnel_unknown')
      assert.equal(await fateInUdp(GATEWAY, '10.1.3.4'), 'tunnel_unknown')
      // At an address where no device takes IPIP of nodes.
      assert.equal(await fate(GATEWAY, '10.1.3.4', '192.168.10.5'), 'taken')
      const own: LinkSpec = {
        ...{kind: 'ipip', name: 'is-b-0000', alias: '', mtu: 1480, ttl: 64},
        ...{local: OWN, remote: address(GATEWAY)},
      }
      await load(nodes, CONFIG, [own], [fou])
      assert.equal(await fate(GATEWAY, '10.1.3.4'), 'taken')
      assert.equal(await fateInUdp(GATEWAY, '10.1.3.4'), 'taken')
      assert.equal(await fate(GATEWAY, '10.1.3.4', SHARED), 'tunnel_unknown')
      assert.equal(await fate('10.50.0.11', '10.1.3.4'), 'taken')
    })

    it('where nobody asked for it no node is', async () => {
      await load([nodeOf('n2', '10.50.0.12')], {...CONFIG, nodes: {...CONFIG.nodes!, ipip: null}})
      assert.equal(await fate('10.50.0.12', '10.1.3.4'), 'tunnel_unknown')
    })
  })
})
