import assert from 'node:assert/strict'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createNetlinkDriver, createWireguardDriver} from '../../src/apply/index.ts'
import {type NetlinkStep, stepKey, type WgPublicKey, type WireguardSpec} from '../../src/model/index.ts'
import {parseAddress, parsePrefix} from '../../src/net/index.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

// Needs the module wireguard; run in the VM where the running kernel has none.
const base = {needs: [], reason: 'test'} as const
const ip = (text: string) => parseAddress(text)!

/**
 *     this node 192.0.2.1 ── router, a NAT with address 192.0.2.2 ── far, 10.0.0.2 and no other
 *
 * The NAT gives every flow another port, so that what far has for its port is not where it is reached.
 */
inNamespace(import.meta.url, () => {
  describe('a WireGuard peer behind a NAT that translates ports', function () {
    this.timeout(60_000)
    const {signal} = new AbortController()
    const folder = mkdtempSync(join(tmpdir(), 'is-nat-'))
    const [netlink, wireguard] = [createNetlinkDriver(), createWireguardDriver()]
    let router: Namespace
    let far: Namespace
    let spec: WireguardSpec

    const key = (name: string): WgPublicKey => {
      writeFileSync(join(folder, name), shell('wg genkey'))
      return shell(`wg pubkey < ${join(folder, name)}`).trim() as WgPublicKey
    }
    const apply = async (keepaliveSeconds = 0): Promise<void> => {
      const wanted = {...spec, peer: {...spec.peer, keepaliveSeconds}}
      const step = {...base, key: stepKey('wireguard is-far'), driver: 'wireguard', spec: wanted} as const
      assert.deepEqual(await wireguard.apply([step], signal), [{ok: true, step: step.key}])
    }
    // Other tests in the VM leave devices of theirs.
    const peer = async () => (await wireguard.read(signal)).find(({device}) => device === 'is-far')!.peers[0]!
    const endpoint = async (): Promise<string | null> => (await peer()).endpoint

    before(async () => {
      ;[router, far] = [createNamespace('router'), createNamespace('far')]
      shell(`ip link add wan0 type veth peer name near netns ${router.name}; ip link set wan0 up
ip addr add 192.0.2.1/24 dev wan0`)
      router.run(`ip link add lan type veth peer name lan0 netns ${far.name}; sysctl -qw net.ipv4.ip_forward=1
ip link set near up; ip link set lan up; ip addr add 192.0.2.2/24 dev near; ip addr add 10.0.0.1/24 dev lan
nft 'table ip nat { chain p { type nat hook postrouting priority 100; oifname "near" masquerade random; }; }'`)
      const [own, theirs] = [key('own'), key('theirs')]
      spec = {
        ...{device: 'is-far', keyFile: join(folder, 'own'), publicKey: own, listenPort: 51820},
        peer: {
          ...{publicKey: theirs, endpoint: {address: ip('192.0.2.2'), port: 51821}, portMayDiffer: true},
          ...{allowedIps: [parsePrefix('0.0.0.0/0')!], keepaliveSeconds: 0},
        },
      }
      const link: NetlinkStep = {
        ...{...base, key: stepKey('link is-far'), driver: 'netlink', do: 'link-create'},
        link: {kind: 'wireguard', name: 'is-far', alias: 'isthmus a/g/wan b/g/wan slot 0', mtu: 1420},
      }
      const address: NetlinkStep = {
        ...{...base, key: stepKey('address'), driver: 'netlink', do: 'address-add'},
        address: {device: 'is-far', local: ip('100.64.0.1'), peer: ip('100.64.0.2')},
      }
      for (const step of [link, address]) assert.ok((await netlink.apply([step], signal))[0]!.ok)
      await apply()
      far.run(`ip link set lan0 up; ip addr add 10.0.0.2/24 dev lan0; ip route add default via 10.0.0.1
ip link add wg type wireguard; ip addr add 100.64.0.2 peer 100.64.0.1 dev wg; ip link set wg up
wg set wg private-key ${folder}/theirs listen-port 51821 \\
  peer ${own} allowed-ips 0.0.0.0/0 endpoint 192.0.2.1:51820 persistent-keepalive 25`)
    })
    after(() => {
      for (const one of [netlink, wireguard]) one.close()
      rmSync(folder, {recursive: true})
    })

    it('is reached at the port that the NAT has given it', async () => {
      await eventually(async () => (await endpoint()) !== '192.0.2.2:51821', 30_000)
      assert.match((await endpoint())!, /^192\.0\.2\.2:\d+$/)
      shell('ping -c 2 -W 5 100.64.0.2')
      far.run('ping -c 2 -W 5 100.64.0.1')
    })

    it('stays so when something else is changed', async () => {
      const learnt = await endpoint()
      await apply(7)
      assert.equal((await peer()).keepaliveSeconds, 7)
      assert.equal(await endpoint(), learnt)
      shell('ping -c 2 -W 5 100.64.0.2')
    })
  })
})
