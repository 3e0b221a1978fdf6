import assert from 'node:assert/strict'
import {createNetlinkDriver, type NetlinkDriver} from '../../../src/apply/netlink/index.ts'
import {type AddressSpec, type LinkSpec, type NetlinkStep, stepKey, type VxlanLink} from '../../../src/model/index.ts'
import {parseAddress} from '../../../src/net/index.ts'
import {describeDriver} from '../../contract/driver.ts'
import {eventually, inNamespace, shell} from '../../support/namespace.ts'

const ip = (text: string) => parseAddress(text)!
const base = {needs: [], reason: 'test', driver: 'netlink'} as const
const VXLAN: VxlanLink = {
  name: 'is-b-1f2e',
  alias: 'isthmus a/g1/wan b/g1/wan slot 3',
  mtu: 1420,
  kind: 'vxlan',
  local: ip('192.0.2.1'),
  remote: ip('192.0.2.2'),
  ttl: 64,
  vni: 7001,
  port: 4789,
}
const ADDRESS: AddressSpec = {device: VXLAN.name, local: ip('169.254.1.1'), peer: ip('169.254.1.2')}
const ADDRESS6: AddressSpec = {device: VXLAN.name, local: ip('fd00::1'), peer: ip('fd00::2')}

const create = (link: LinkSpec): NetlinkStep => ({...base, key: stepKey(`link ${link.name}`), do: 'link-create', link})
const update = (link: LinkSpec): NetlinkStep => ({...base, key: stepKey(`link ${link.name}`), do: 'link-update', link})
const remove = (name: string): NetlinkStep => ({...base, key: stepKey(`unlink ${name}`), do: 'link-delete', name})
const add = (address: AddressSpec): NetlinkStep => ({
  ...base,
  key: stepKey(`address ${address.local}`),
  do: 'address-add',
  address,
})
const drop = (address: AddressSpec): NetlinkStep => ({
  ...base,
  key: stepKey(`unaddress ${address.local}`),
  do: 'address-delete',
  address,
})

inNamespace(import.meta.url, () => {
  const {signal} = new AbortController()
  let driver: NetlinkDriver
  const opened: NetlinkDriver[] = []
  const open = () => {
    const one = createNetlinkDriver()
    opened.push(one)
    return one
  }
  beforeEach(() => {
    driver = open()
  })
  afterEach(() => {
    for (const one of opened.splice(0)) one.close()
    shell('for d in is-b-1f2e is-half is-mine other0; do ip link delete $d 2>/dev/null || true; done')
  })
  const ok = async (...steps: NetlinkStep[]) => {
    for (const outcome of await driver.apply(steps, signal)) assert.deepEqual(outcome, {ok: true, step: outcome.step})
  }

  describeDriver('netlink', () => ({
    open,
    make: [create(VXLAN), add(ADDRESS), add(ADDRESS6)],
    unmake: [drop(ADDRESS), drop(ADDRESS6), remove(VXLAN.name)],
    foreign: {
      create: () => shell('ip link add is-mine type vxlan id 9 dstport 5000; ip addr add 203.0.113.1/32 dev is-mine'),
      show: () => shell('ip -d link show is-mine; ip addr show is-mine'),
    },
    refused: {
      step: create({...VXLAN, name: 'is-half', vni: 8}),
      provoke: () => shell('ip link add is-half type vxlan id 99 dstport 5001'),
      mend: () => shell('ip link delete is-half'),
    },
    view: ({links, addresses}) => [links.map(({name, up, spec}) => ({name, up, spec})), addresses],
  }))

  describe('netlink driver', () => {
    it('reads back exactly the specification that it was given', async () => {
      await ok(create(VXLAN), add(ADDRESS), add(ADDRESS6))
      const {links, addresses} = await driver.read(signal)
      assert.deepEqual(links[0], {name: VXLAN.name, index: links[0]!.index, up: true, spec: VXLAN})
      assert.deepEqual(addresses, [ADDRESS, ADDRESS6])
      const shown = shell(`ip -d link show ${VXLAN.name}`)
      assert.match(shown, /nolearning ttl 64 .*df set/)
      assert.match(shown, /group default/)
    })

    it('a vxlan whose outer packets may be split on the way is not ours to keep', async () => {
      shell(
        `ip link add ${VXLAN.name} type vxlan id 7001 local 192.0.2.1 remote 192.0.2.2 ttl 64 dstport 4789 nolearning`,
      )
      shell(`ip link set ${VXLAN.name} alias '${VXLAN.alias}'`)
      const [held] = (await driver.read(signal)).links
      assert.deepEqual([held?.name, held?.spec], [VXLAN.name, null])
    })

    it('makes a vxlan over IPv6', async () => {
      const link = {...VXLAN, local: ip('2001:db8::1'), remote: ip('2001:db8::2')}
      await ok(create(link))
      assert.deepEqual((await driver.read(signal)).links[0]!.spec, link)
    })

    it('changes MTU, alias and up in place', async () => {
      await ok(create(VXLAN))
      const [before] = (await driver.read(signal)).links
      shell(`ip link set ${VXLAN.name} down`)
      const changed = {...VXLAN, mtu: 1380, alias: 'isthmus a/g1/wan b/g2/wan slot 4'}
      await ok(update(changed))
      assert.deepEqual((await driver.read(signal)).links, [{...before, up: true, spec: changed}])
    })

    it('shows a device of ours of another shape without a specification', async () => {
      shell('ip link add is-half type vxlan id 99 dstport 5001 && ip link set is-half alias "isthmus x"')
      assert.deepEqual(
        (await driver.read(signal)).links.map(({name, spec}) => [name, spec]),
        [['is-half', null]],
      )
      await ok(remove('is-half'))
      assert.deepEqual((await driver.read(signal)).links, [])
    })

    it('finishes a device that it was killed over', async () => {
      shell(`ip link add ${VXLAN.name} group ${0x69737468} type vxlan id 7001 dstport 4789`)
      const [half] = (await driver.read(signal)).links
      assert.deepEqual([half?.name, half?.spec], [VXLAN.name, null])
      await ok(create(VXLAN))
      assert.deepEqual((await driver.read(signal)).links[0]!.spec, VXLAN)
    })

    it('removes an address that somebody put on our device with another length', async () => {
      await ok(create(VXLAN))
      shell(`ip addr add 10.9.9.9/24 dev ${VXLAN.name}`)
      const [found] = (await driver.read(signal)).addresses
      await ok(drop(found!))
      assert.deepEqual((await driver.read(signal)).addresses, [])
    })

    it('says that no device of ours is there for an address or a change', async () => {
      shell('ip link add is-mine type vxlan id 9 dstport 5000')
      const outcomes = await driver.apply(
        [add({...ADDRESS, device: 'is-mine'}), update({...VXLAN, name: 'is-mine'})],
        signal,
      )
      assert.deepEqual(
        outcomes.map((outcome) => outcome.ok || outcome.code),
        ['missing', 'missing'],
      )
    })

    it('names the module that the kernel lacks, or makes the device', async () => {
      const {name, alias, mtu, local, remote, ttl} = VXLAN
      for (const link of [
        {kind: 'ipip', name, alias, mtu, local, remote, ttl},
        {kind: 'wireguard', name, alias, mtu},
      ] as const) {
        const [outcome] = await driver.apply([create(link)], signal)
        if (outcome!.ok) {
          assert.deepEqual((await driver.read(signal)).links[0]!.spec, link)
          await ok(remove(name))
        } else {
          assert.equal(outcome!.code, 'unsupported')
          assert.match(outcome!.cause, new RegExp(`module ${link.kind}`))
        }
      }
    })

    it('tells of a device and an address that go, and not of foreign ones', async () => {
      await ok(create(VXLAN), add(ADDRESS))
      const heard: string[] = []
      const end = driver.watch((what) => heard.push(what))
      shell('ip link add other0 type vxlan id 10 dstport 5002; ip link set other0 up; ip link delete other0')
      shell(`ip addr flush dev ${VXLAN.name}`)
      await eventually(() => heard.some((what) => what.startsWith('address ')))
      shell(`ip link delete ${VXLAN.name}`)
      await eventually(() => heard.includes(`link ${VXLAN.name}`))
      end()
      assert.deepEqual(
        heard.filter((what) => what.includes('other0')),
        [],
      )
    })

    it('tells of a device of ours that gets another name, and of no foreign one’s addresses, whatever it was attached to', async () => {
      await ok(create(VXLAN))
      const heard: string[] = []
      const end = driver.watch((what) => heard.push(what))
      shell(`ip link add br0 type bridge; ip link add other0 type veth peer name other1; ip link set other0 master br0 up
        ip addr add 192.0.2.99/24 dev other0; ip link set other0 nomaster; ip addr add 2001:db8::99/64 dev other0
        ip addr flush dev other0; ip addr add 192.0.2.98/24 dev other0; ip link delete other0; ip link delete br0`)
      shell(`ip link set ${VXLAN.name} down`)
      await eventually(() => heard.includes(`link ${VXLAN.name}`))
      assert.deepEqual(new Set(heard), new Set([`link ${VXLAN.name}`]))
      heard.length = 0
      shell(`ip link set ${VXLAN.name} name other2`)
      await eventually(() => heard.includes(`link ${VXLAN.name}`))
      end()
      shell('ip link delete other2')
    })
  })
})
