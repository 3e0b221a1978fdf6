import assert from 'node:assert/strict'
import {createNftDriver, type NftDriver} from '../../src/apply/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {nodeNatFindings, nodeNatLabels} from '../../src/gateway/node-nat.ts'
import type {NatExposure} from '../../src/model/index.ts'
import {nodeOfCounter, planRuleset} from '../../src/plan/index.ts'
import {MOST_NODES, planNodeNat} from '../../src/plan/node-nat.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {bringNft} from '../support/bring-nft.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {rawRecord} from '../support/records.ts'
import {address, CALICO, changesOf, configOf, listOf, prefix, tunnelTo} from '../support/sites.ts'

const TUNNEL = 'is-b-0000'
const config = configOf({default: 'allow', infrastructure: [prefix('192.168.7.0/24')]})
const pool = (name: string, cidr: string, more: object) =>
  rawRecord(`${CALICO}ippools/${name}`, {metadata: {name}, spec: {cidr, ...more}})

inNamespace(import.meta.url, () => {
  describe('pods that come with their node’s address, in the real kernel', () => {
    let driver: NftDriver
    let [node, far]: Namespace[] = []
    const federation = new Federation(config)

    const bring = async (): Promise<void> => {
      const world = federation.world()
      const policy = compilePolicy(world, {default: 'allow', previous: null, firstClass: 7})
      const devices = new Map(
        ['lan0', TUNNEL].map((name) => [name, Number(shell(`cat /sys/class/net/${name}/ifindex`))]),
      )
      const tunnels = [tunnelTo('b', TUNNEL)]
      const rest = {links: [], wireguard: [], uplinkDevices: [], devices, policy}
      await bringNft(driver, planRuleset({config, world, nat: world.nat, tunnels, ...rest}))
      await driver.raiseGeneration()
    }
    const ping = (from: string): boolean =>
      node!.run(`ping -n -c 1 -W 0.5 -I ${from} 10.2.0.7 >/dev/null 2>&1 && echo yes || echo no`).trim() === 'yes'
    const counted = async (): Promise<string[]> =>
      [...(await driver.readCounters())]
        .flatMap(([name, {packets}]) => (nodeOfCounter(name) ? [`${name} ${packets}`] : []))
        .sort()
    const found = async () => nodeNatFindings(federation.world().nat, await driver.readCounters())

    before(async () => {
      driver = createNftDriver()
      ;[node, far] = [createNamespace('node'), createNamespace('far')]
      shell(`sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
ip link add lan0 type veth peer name eth0 netns ${node.name}; ip link set lan0 up; ip address add 192.168.7.1/24 dev lan0
ip link add ${TUNNEL} type veth peer name eth0 netns ${far.name}; ip link set ${TUNNEL} up
ip address add 100.64.0.0 peer 100.64.0.2 dev ${TUNNEL}
ip route add 10.2.0.0/16 via 100.64.0.2; ip route add 10.1.64.0/26 via 192.168.7.11`)
      // Pods on the node, and what Felix does where no pool holds a destination.
      node.run(`ip link set eth0 up; ip address add 192.168.7.11/24 dev eth0; ip address add 192.168.7.12/24 dev eth0
ip address add 10.1.64.5/32 dev lo; ip address add 10.1.64.6/32 dev lo; ip route add default via 192.168.7.1`)
      far.run(`ip link set eth0 up; ip address add 100.64.0.2 peer 100.64.0.0 dev eth0; ip address add 10.2.0.7/32 dev lo
ip route add default via 100.64.0.0`)
      federation.update(
        listOf('datastore/main', [
          rawRecord(`${CALICO}nodes/n1.cluster`, {
            metadata: {name: 'n1.cluster'},
            spec: {bgp: {ipv4Address: '192.168.7.11/24'}},
          }),
          pool('pods', '10.1.64.0/18', {natOutgoing: true}),
        ]),
      )
      await bring()
    })
    after(async () => {
      for (const namespace of [node, far]) namespace?.remove()
      await driver?.close()
    })

    it('a pod’s own address counts for nobody', async () => {
      assert.ok(ping('10.1.64.5'))
      assert.deepEqual(await counted(), ['nat_main/n1.cluster 0', 'nat_other 0'])
      assert.deepEqual(await found(), [])
    })

    it('a node’s address counts for that node, and the finding names it and the pool; nothing is dropped', async () => {
      node!.run(
        'nft -f -',
        'table ip felix { chain c { type nat hook postrouting priority 100; ip saddr 10.1.64.5 masquerade; ip saddr 10.1.64.6 snat to 192.168.7.12; }; }',
      )
      assert.ok(ping('10.1.64.5'))
      assert.deepEqual(await counted(), ['nat_main/n1.cluster 1', 'nat_other 0'])
      const [finding, ...others] = await found()
      assert.deepEqual(others, [])
      assert.deepEqual(
        [finding!.code, finding!.where],
        ['node-nat', {source: 'datastore main', key: 'nodes/n1.cluster'}],
      )
      assert.match(
        finding!.detail,
        /^node n1\.cluster sent 1 packet .*IPPool pods has natOutgoing.* holds 10\.2\.0\.0\/16/,
      )
      assert.match(finding!.remedy!, /writeBack\.pools/)
    })

    it('an address of infrastructure that is no node’s is counted too', async () => {
      assert.ok(ping('10.1.64.6'))
      assert.deepEqual(await counted(), ['nat_main/n1.cluster 1', 'nat_other 1'])
      assert.match((await found())[1]!.detail, /^nodes \(infrastructure/)
    })

    it('ends, with its counters, when a pool holds the prefixes, as write-back makes it', async () => {
      federation.update(changesOf('datastore/main', [pool('all', '10.0.0.0/8', {disabled: true})]))
      await bring()
      await eventually(async () => (await counted()).length === 0)
      assert.deepEqual(await found(), [])
      assert.ok(ping('10.1.64.5'))
    })
  })
})

describe('counters of nodes', () => {
  const exposureOf = (names: readonly string[]): NatExposure => ({
    ...{source: 'datastore/main', family: 4, pools: ['p'], prefixes: [prefix('10.2.0.0/16')]},
    nodes: names.map((name, index) => ({name, addresses: [address(`192.168.${index >> 8}.${index & 255}`)]})),
  })

  it('are bounded, and a name that is none is not in the ruleset', () => {
    const many = Array.from({length: MOST_NODES + 5}, (_, index) => `n${index}`)
    const {counters, chains} = planNodeNat([exposureOf(['"; flush ruleset', ...many])], {infrastructure: []})
    assert.equal(counters.length, MOST_NODES + 1)
    assert.doesNotMatch(JSON.stringify(chains), /flush/)
  })

  it('are none where no datastore hides its pods', () => {
    assert.deepEqual(planNodeNat([], {infrastructure: [prefix('192.168.7.0/24')]}), {
      rules: [],
      chains: [],
      counters: [],
    })
  })

  it('are a series each, and one without a node', () => {
    assert.deepEqual(nodeNatLabels('nat_main/n1.cluster'), {source: 'datastore/main', node: 'n1.cluster'})
    assert.deepEqual(nodeNatLabels('nat_other'), {source: '', node: ''})
    for (const counter of ['spoofed', 'spoofed_is-b-0000', 'deny_egress_nat'])
      assert.equal(nodeNatLabels(counter), null)
  })

  it('of more than twenty nodes the finding names twenty', () => {
    const exposure = exposureOf(Array.from({length: 30}, (_, index) => `n${index}`))
    const counters = new Map(exposure.nodes.map(({name}) => [`nat_main/${name}`, {packets: 3, bytes: 0}]))
    const findings = nodeNatFindings([exposure], counters)
    assert.equal(findings.length, 21)
    assert.match(findings.at(-1)!.detail, /^10 more nodes/)
  })
})
