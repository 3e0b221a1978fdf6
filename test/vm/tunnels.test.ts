import assert from 'node:assert/strict'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {
  createNetlinkDriver,
  createWireguardDriver,
  type NetlinkDriver,
  type WireguardDriver,
} from '../../src/apply/index.ts'
import {
  type IpipLink,
  type NetlinkStep,
  stepKey,
  type WgPublicKey,
  type WireguardLink,
  type WireguardSpec,
  type WireguardStep,
} from '../../src/model/index.ts'
import {parseAddress, parsePrefix} from '../../src/net/index.ts'
import {createTunnelReader} from '../../src/observe/index.ts'
import {describeDriver} from '../contract/driver.ts'
import {eventually, inNamespace, shell} from '../support/namespace.ts'

// Needs the modules ipip and wireguard; run in the VM where the running kernel has none.
const base = {needs: [], reason: 'test'} as const
const ip = (text: string) => parseAddress(text)!
const IPIP: IpipLink = {
  name: 'is-b-1',
  alias: 'isthmus a/g1/wan b/g1/wan slot 1',
  mtu: 1480,
  kind: 'ipip',
  local: ip('192.0.2.1'),
  remote: ip('192.0.2.2'),
  ttl: 64,
}
const WIREGUARD: WireguardLink = {
  name: 'is-c-1',
  alias: 'isthmus a/g1/wan c/g1/wan slot 1',
  mtu: 1420,
  kind: 'wireguard',
}
const OTHER = 'ip link add other type ipip local 192.0.2.1 remote 192.0.2.77'
const create = (link: IpipLink | WireguardLink): NetlinkStep => ({
  ...base,
  key: stepKey(`link ${link.name}`),
  driver: 'netlink',
  do: 'link-create',
  link,
})
const remove = (name: string): NetlinkStep => ({
  ...base,
  key: stepKey(`unlink ${name}`),
  driver: 'netlink',
  do: 'link-delete',
  name,
})

inNamespace(import.meta.url, () => {
  const {signal} = new AbortController()
  let folder: string
  let spec: WireguardSpec
  let netlink: NetlinkDriver
  let wireguard: WireguardDriver
  const step = (of: WireguardSpec): WireguardStep => ({
    ...base,
    key: stepKey(`wireguard ${of.device}`),
    driver: 'wireguard',
    spec: of,
  })

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'is-wg-'))
    const keyPair = (name: string) => {
      writeFileSync(join(folder, name), shell('wg genkey'))
      return shell(`wg pubkey < ${join(folder, name)}`).trim() as WgPublicKey
    }
    spec = {
      device: WIREGUARD.name,
      keyFile: join(folder, 'key'),
      publicKey: keyPair('key'),
      listenPort: 51820,
      peer: {
        publicKey: keyPair('peer'),
        endpoint: {address: ip('192.0.2.9'), port: 51821},
        allowedIps: [parsePrefix('0.0.0.0/0')!, parsePrefix('::/0')!],
        keepaliveSeconds: 25,
      },
    }
    netlink = createNetlinkDriver()
    wireguard = createWireguardDriver()
  })
  after(() => {
    netlink.close()
    wireguard.close()
    rmSync(folder, {recursive: true})
  })

  describeDriver('netlink with ipip and wireguard', () => ({
    open: () => netlink,
    make: [create(IPIP), create(WIREGUARD)],
    unmake: [remove(IPIP.name), remove(WIREGUARD.name)],
    foreign: {
      create: () => shell(OTHER),
      show: () => shell('ip -d link show other'),
    },
    refused: {
      step: create({...IPIP, name: 'is-b-2', remote: ip('192.0.2.77')}),
      // The kernel takes two ends once only.
      provoke: () => shell(`ip link show other || ${OTHER}`),
      mend: () => shell('ip link delete other'),
    },
    view: ({links}) => links.map(({name, up, spec: read}) => ({name, up, read})),
  }))

  describe('tunnels of modules', () => {
    it('reads an ipip device back as it was given', async () => {
      await netlink.apply([create(IPIP)], signal)
      const found = (await netlink.read(signal)).links.find(({name}) => name === IPIP.name)
      assert.deepEqual(found?.spec, IPIP)
      assert.match(shell(`ip -d link show ${IPIP.name}`), /pmtudisc/)
      await netlink.apply([remove(IPIP.name)], signal)
    })

    it('sets key, port and peer of a WireGuard device, as wg shows them', async () => {
      await netlink.apply([create(WIREGUARD)], signal)
      assert.deepEqual(await wireguard.apply([step(spec)], signal), [{ok: true, step: 'wireguard is-c-1'}])
      assert.deepEqual(await wireguard.read(signal), [
        {
          device: 'is-c-1',
          publicKey: spec.publicKey,
          listenPort: 51820,
          peers: [
            {
              publicKey: spec.peer.publicKey,
              endpoint: '192.0.2.9:51821',
              allowedIps: ['0.0.0.0/0', '::/0'],
              keepaliveSeconds: 25,
            },
          ],
        },
      ])
      const shown = shell('wg show is-c-1 dump')
      assert.match(
        shown,
        new RegExp(`${spec.peer.publicKey.replaceAll('+', '\\+')}\t\\(none\\)\t192.0.2.9:51821\t0.0.0.0/0,::/0`),
      )
    })

    it('changes a device in place and removes a stranger', async () => {
      const before = shell('ip -o link show is-c-1')
      shell(`wg genkey > ${folder}/other; wg set is-c-1 peer "$(wg pubkey < ${folder}/other)" allowed-ips 10.0.0.0/8`)
      const changed = {...spec, listenPort: 51999, peer: {...spec.peer, endpoint: null, keepaliveSeconds: 5}}
      assert.deepEqual(await wireguard.apply([step(changed)], signal), [{ok: true, step: 'wireguard is-c-1'}])
      const [held] = await wireguard.read(signal)
      assert.equal(held!.listenPort, 51999)
      assert.deepEqual(
        held!.peers.map((peer) => [peer.publicKey, peer.endpoint, peer.keepaliveSeconds]),
        [[spec.peer.publicKey, '192.0.2.9:51821', 5]],
      )
      assert.equal(shell('ip -o link show is-c-1'), before)
    })

    it('tells of no handshake before the first, and of the time of the last', async () => {
      const reader = createTunnelReader()
      const tunnel = {device: 'is-c-1', encapsulation: 'wireguard'} as const
      try {
        assert.equal((await reader.read([tunnel]))[0]!.handshakeSeconds, null)
        // A WireGuard device's socket stays in the namespace that it was made in, so both ends meet on lo.
        shell(`ip netns add is-far; ip link add far type wireguard; ip link set far netns is-far
          ip netns exec is-far wg set far private-key ${folder}/peer listen-port 51821 \\
            peer ${spec.publicKey} allowed-ips 0.0.0.0/0 endpoint 127.0.0.1:51999
          ip -n is-far addr add 10.0.0.2/32 dev far; ip -n is-far link set far up
          wg set is-c-1 peer ${spec.peer.publicKey} endpoint 127.0.0.1:51821; ip route add 10.0.0.2 dev is-c-1
          ping -c 1 -W 1 10.0.0.2 || true`)
        const seconds = await eventually(async () => (await reader.read([tunnel]))[0]!.handshakeSeconds, 10_000)
        assert.ok(Math.abs(seconds - Date.now() / 1000) < 60)
      } finally {
        reader.close()
        shell('ip netns delete is-far || true')
      }
    })

    it('refuses a key file that does not fit what was announced, and says no word of the key', async () => {
      const [outcome] = await wireguard.apply([step({...spec, keyFile: join(folder, 'peer')})], signal)
      assert.ok(outcome && !outcome.ok)
      assert.equal(outcome.code, 'refused')
      assert.ok(!outcome.cause.includes(shell(`cat ${folder}/peer`).trim()))
    })

    it('says missing for a device that is not ours', async () => {
      shell('ip link add wg9 type wireguard')
      const [outcome] = await wireguard.apply([step({...spec, device: 'wg9'})], signal)
      assert.equal(outcome!.ok || outcome!.code, 'missing')
      assert.deepEqual(
        (await wireguard.read(signal)).map(({device}) => device),
        ['is-c-1'],
      )
    })
  })
})
