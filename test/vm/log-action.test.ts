import assert from 'node:assert/strict'
import {createNftDriver, type NftDriver} from '../../src/apply/index.ts'
import type {NftTable} from '../../src/model/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {attributes, policy, rule, tier, world} from '../policy/worlds.ts'
import {bringNft} from '../support/bring-nft.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

// Needs the kernel's log, and that it tells of other namespaces too, which only the first one can ask for: so in the VM.
const ALL_NAMESPACES = 'net.netfilter.nf_log_all_netns'
const inFirst = (line: string): string => shell(`nsenter -t 1 -n ${line}`)
const [NEAR, FAR] = ['10.1.0.5', '10.2.0.7']
const pod = (at: string, site: string, app: string) => ({at: `${at}/32`, site, set: attributes('pod', {labels: {app}})})
const DATAGRAMS = `const [to, count] = process.argv.slice(1)
const socket = require('node:dgram').createSocket('udp4')
let left = Number(count)
for (let port = 1; port <= count; port++) socket.send('x', port, to, () => --left || socket.close())`
const ARRIVALS = `table inet arrived {
  counter datagrams {
  }
  chain arrived {
    type filter hook prerouting priority -500; policy accept;
    meta l4proto udp counter name "datagrams"
  }
}
`
const PREFIX = 'isthmus default/watch/egress/0 '

inNamespace(import.meta.url, () => {
  describe('the Log action', () => {
    let driver: NftDriver
    let near: Namespace
    let far: Namespace
    let setting = ''

    before(async function () {
      this.timeout(30_000)
      setting = inFirst(`sysctl -n ${ALL_NAMESPACES}`).trim()
      inFirst(`sysctl -qw ${ALL_NAMESPACES}=1`)
      ;[near, far] = [createNamespace('near'), createNamespace('far')]
      for (const [device, {name, run}, gateway, own] of [
        ['to-near', near, '10.1.0.1', NEAR],
        ['to-far', far, '10.2.0.1', FAR],
      ] as const) {
        shell(`ip link add ${device} type veth peer name eth0 netns ${name}
ip link set ${device} up; ip address add ${gateway}/24 dev ${device}`)
        run(`ip link set eth0 up; ip address add ${own}/24 dev eth0; ip route add default via ${gateway}`)
      }
      shell('sysctl -qw net.ipv4.ip_forward=1')
      const watch = policy('watch', {
        types: ['egress'],
        selector: "app == 'web'",
        egress: [rule('Log'), rule('Allow')],
      })
      const given = world([pod(NEAR, 'a', 'web'), pod(FAR, 'b', 'db')], [tier('default', 1)], [watch])
      const {sets, chains, counters} = compilePolicy(given, {default: 'allow', previous: null, firstClass: 7})
      const hook = {type: 'filter', hook: 'forward', priority: 0, policy: 'drop'} as const
      const framed = new Map([
        ...chains,
        ['allowed', {name: 'allowed', hook: null, rules: ['accept']}],
        ['forward', {name: 'forward', hook, rules: ['ct state established accept', 'goto judge']}],
      ])
      const table: NftTable = {
        family: 'inet',
        name: 'isthmus',
        counters,
        sets,
        chains: framed,
      }
      driver = createNftDriver()
      await bringNft(driver, table)
    })
    after(async () => {
      if (setting !== '') inFirst(`sysctl -qw ${ALL_NAMESPACES}=${setting}`)
      for (const namespace of [near, far]) namespace?.remove()
      await driver?.close()
    })

    const lines = (): string[] =>
      shell('dmesg')
        .split('\n')
        .filter((line) => line.includes(PREFIX))
    const ping = ({run}: Namespace, to: string, count: number): string =>
      run(`ping -q -n -c ${count} -i 0.002 -W 1 ${to}`)

    it('tells the kernel’s log of a flow that it means, with tier, policy and rule, and of no other', async () => {
      ping(far, NEAR, 1)
      assert.deepEqual(lines(), [])
      ping(near, FAR, 1)
      const told = await eventually(() => (lines().length > 0 ? lines() : null))
      assert.match(told[0]!, /isthmus default\/watch\/egress\/0 .*SRC=10\.1\.0\.5 DST=10\.2\.0\.7 .*PROTO=ICMP/)
    })

    it('does so ten times a second at most, and lets all of them pass', async () => {
      const flows = 200
      far.run('nft -f -', ARRIVALS)
      const [already, beganMs] = [lines().length, performance.now()]
      // To a port of its own each is a flow of its own.
      near.run(`${process.execPath} -e "${DATAGRAMS}" ${FAR} ${flows}`)
      await eventually(() => far.run('nft list counter inet arrived datagrams').includes(`packets ${flows} `))
      const seconds = (performance.now() - beganMs) / 1000
      const told = lines().length - already
      assert.ok(told >= 10 && told <= 21 + 10 * seconds && told < flows, `${told} lines in ${seconds} s`)
    }).timeout(60_000)
  })
})
