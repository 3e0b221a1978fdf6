import assert from 'node:assert/strict'
import fc from 'fast-check'
import {type DiffOptions, diff} from '../../src/diff/index.ts'
import {
  ALIAS_PREFIX,
  type Desired,
  type FouPort,
  type LinkSpec,
  type NftSet,
  type WgPublicKey,
} from '../../src/model/index.ts'
import {type Address, parseAddress} from '../../src/net/index.ts'
import {FakeNode} from '../support/fake-node.ts'

const ANY: DiffOptions = {mayPrune: () => true}
const address = (text: string): Address => parseAddress(text)!
const alias = (site: string): string => `${ALIAS_PREFIX}a/a1/wan ${site}/${site}1/wan slot 0`

const ipip = (name: string, remote: string, mtu = 1480): LinkSpec => ({
  kind: 'ipip',
  name,
  alias: alias(name.slice(3)),
  mtu,
  local: address('192.0.2.1'),
  remote: address(remote),
  ttl: 64,
})

const NOTHING: Desired = {
  sysctls: [],
  links: [],
  addresses: [],
  fouPorts: [],
  wireguard: [],
  queues: [],
  sourceRules: [],
  nft: {family: 'inet', name: 'isthmus', counters: [], sets: new Map(), chains: new Map()},
  bird: '',
  exported: new Map(),
  tunnels: [],
  findings: [],
}

const fouPort = (port: number): FouPort => ({local: address('192.0.2.1'), port, protocol: 4})

const setOf = (name: string, elements: Record<string, string>): NftSet => ({
  name,
  key: 'ipv4_addr',
  value: 'mark',
  interval: false,
  elements: new Map(Object.entries(elements)),
})

/** Plans over few names, so that two of them share, change and lose objects. */
const desireds = fc
  .record({
    links: fc.uniqueArray(
      fc.tuple(
        fc.constantFrom('is-b', 'is-c', 'is-d'),
        fc.constantFrom('192.0.2.2', '192.0.2.3'),
        fc.constantFrom(1400, 1480),
      ),
      {selector: ([name]) => name, maxLength: 3},
    ),
    elements: fc.dictionary(fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'), fc.constantFrom('1', '2')),
    sets: fc.uniqueArray(fc.constantFrom('s', 't', 'u')),
    chains: fc.dictionary(
      fc.constantFrom('forward', 'judge'),
      fc.array(fc.constantFrom('accept', 'drop', 'goto judge')),
    ),
    policy: fc.constantFrom('drop' as const, 'accept' as const),
    bird: fc.constantFrom('one', 'two'),
    fouPorts: fc.uniqueArray(fc.constantFrom(5555, 6666)),
  })
  .map(
    (seed): Desired => ({
      ...NOTHING,
      sysctls: [{path: ['net', 'ipv4', 'ip_forward'], value: '1'}],
      fouPorts: seed.fouPorts.map(fouPort),
      links: seed.links.map(([name, remote, mtu]) => ipip(name, remote, mtu)),
      addresses: seed.links.map(([device]) => ({device, local: address('100.64.0.0'), peer: address('100.64.0.2')})),
      nft: {
        ...NOTHING.nft,
        counters: ['always', ...seed.sets],
        sets: new Map(seed.sets.map((name) => [name, setOf(name, seed.elements)])),
        chains: new Map(
          Object.entries(seed.chains).map(([name, rules]) => [
            name,
            {
              name,
              rules,
              hook: name === 'forward' ? {type: 'filter', hook: 'forward', priority: 0, policy: seed.policy} : null,
            },
          ]),
        ),
      },
      bird: seed.bird,
    }),
  )

describe('diff', () => {
  it('from any state to any other, and then there is nothing to do', () => {
    fc.assert(
      fc.property(fc.array(desireds, {minLength: 1, maxLength: 4}), (path) => {
        const node = new FakeNode()
        for (const desired of path) {
          node.apply(diff(desired, node.actual(), ANY))
          assert.deepEqual(diff(desired, node.actual(), ANY), [])
        }
        const fresh = new FakeNode()
        fresh.apply(diff(path.at(-1)!, fresh.actual(), ANY))
        const byName = (a: {name: string}, b: {name: string}) => (a.name < b.name ? -1 : 1)
        const shape = ({links, ...rest}: ReturnType<FakeNode['actual']>) => ({
          ...rest,
          nft: {...rest.nft, counters: rest.nft?.counters.toSorted()},
          links: links.map((link) => ({...link, index: 0})).sort(byName),
          addresses: rest.addresses.toSorted((a, b) => (a.device < b.device ? -1 : 1)),
        })
        assert.deepEqual(shape(node.actual()), shape(fresh.actual()), 'the path must not matter')
      }),
    )
  })

  it('closes before it opens: settings and ruleset, then devices, then BIRD', () => {
    const desired: Desired = {
      ...NOTHING,
      sysctls: [
        {path: ['net', 'ipv4', 'ip_forward'], value: '1'},
        {path: ['net', 'ipv4', 'conf', 'is-b', 'rp_filter'], value: '0'},
      ],
      links: [ipip('is-b', '192.0.2.2')],
      addresses: [{device: 'is-b', local: address('100.64.0.0'), peer: address('100.64.0.2')}],
      nft: {...NOTHING.nft, counters: ['spoofed']},
      bird: 'router id 192.0.2.1;',
    }
    assert.deepEqual(
      diff(desired, new FakeNode().actual(), ANY).map(({key, needs, reason}) => `${key} (${needs}): ${reason}`),
      [
        'sysctl net/ipv4/ip_forward (): unread ⇒ 1',
        'nft counter spoofed (): no table',
        'link is-b (nft counter spoofed): missing',
        'address is-b 100.64.0.0 peer 100.64.0.2 (link is-b): missing',
        'sysctl net/ipv4/conf/is-b/rp_filter (link is-b): unread ⇒ 0',
        'bird configuration (nft counter spoofed): no configuration',
      ],
    )
  })

  it('raises a size that is too small, and no other; one that cannot be asked for is not this namespace’s', () => {
    const path = ['net', 'netfilter', 'nf_conntrack_max']
    const desired: Desired = {...NOTHING, sysctls: [{path, value: '262144', isLeast: true}]}
    for (const [held, reasons] of [
      [null, []],
      ['8192', ['8192 ⇒ 262144']],
      ['262144', []],
      ['1000000', []],
    ] as const) {
      const sysctls = new Map(held === null ? [] : [[path.join('/'), held]])
      const steps = diff(desired, {...new FakeNode().actual(), sysctls}, ANY).filter(({driver}) => driver === 'sysctl')
      assert.deepEqual(
        steps.map(({reason}) => reason),
        reasons,
      )
    }
  })

  it('keeps the tunnel of a site that has not been heard, its address too', () => {
    const node = new FakeNode()
    const links = [ipip('is-b', '192.0.2.2'), ipip('is-c', '192.0.2.3')]
    const addresses = links.map(({name}) => ({device: name, local: address('100.64.0.0'), peer: address('100.64.0.2')}))
    node.apply(diff({...NOTHING, links, addresses}, node.actual(), ANY))
    const steps = diff(NOTHING, node.actual(), {mayPrune: (site) => site !== 'b'})
    assert.deepEqual(
      steps.map(({key}) => key),
      ['unlink is-c'],
    )
  })

  it('changes in place what can be, and says why it replaces the rest', () => {
    const node = new FakeNode()
    node.apply(diff({...NOTHING, links: [ipip('is-b', '192.0.2.2'), ipip('is-c', '192.0.2.3')]}, node.actual(), ANY))
    const links = [ipip('is-b', '192.0.2.2', 1400), ipip('is-c', '192.0.2.9')]
    assert.deepEqual(
      diff({...NOTHING, links}, node.actual(), ANY).map((step) => `${step.key}: ${step.reason}`),
      [
        'unlink is-c: ipip 192.0.2.1 → 192.0.2.3 ttl 64 ⇒ ipip 192.0.2.1 → 192.0.2.9 ttl 64',
        'link is-b: mtu 1480 ⇒ 1400',
        'link is-c: ipip 192.0.2.1 → 192.0.2.3 ttl 64 ⇒ ipip 192.0.2.1 → 192.0.2.9 ttl 64',
      ],
    )
  })

  const key = (letter: string) => `${letter.repeat(43)}=` as WgPublicKey
  it('a fou port that somebody else made serves as well, and is never taken away', () => {
    const [wanted, other] = [fouPort(5555), fouPort(6666)]
    const held = {...new FakeNode().actual(), fouPorts: [wanted, other].map((port) => ({...port, ours: false}))}
    const steps = (plan: Desired, ours: boolean) =>
      diff(plan, {...held, fouPorts: held.fouPorts.map((port) => ({...port, ours}))}, ANY).flatMap((step) =>
        step.driver === 'fou' ? [`${step.do} ${step.port.port}`] : [],
      )
    assert.deepEqual(steps({...NOTHING, fouPorts: [wanted]}, false), [])
    assert.deepEqual(steps({...NOTHING, fouPorts: [wanted]}, true), ['port-delete 6666'])
    assert.deepEqual(steps({...NOTHING, fouPorts: [fouPort(7777)]}, false), ['port-add 7777'])
  })

  it('a device that sends in UDP waits for the port that its answers come to; one of another uplink does not', () => {
    const [sent, plain] = [{...ipip('is-b', '192.0.2.2'), fou: 5555} as LinkSpec, ipip('is-c', '192.0.2.3')]
    const elsewhere = {...fouPort(5555), local: address('192.0.2.9')}
    const plan = {...NOTHING, links: [sent, plain], fouPorts: [fouPort(5555), elsewhere]}
    const steps = diff(plan, new FakeNode().actual(), ANY)
    const [port] = steps.filter(({driver}) => driver === 'fou')
    assert.deepEqual(
      steps.filter(({driver}) => driver === 'netlink').map(({key, needs}) => [key, needs]),
      [
        ['link is-b', [port!.key]],
        ['link is-c', []],
      ],
    )
    assert.ok(steps.indexOf(port!) < steps.findIndex(({key}) => key === 'link is-b'))
  })

  it('another port of the other end is changed on the living device, and so is fou in place of protocol 4, and back', () => {
    const node = new FakeNode()
    const link = ipip('is-b', '192.0.2.2')
    node.apply(diff({...NOTHING, links: [link]}, node.actual(), ANY))
    for (const fou of [5555, 6666, undefined]) {
      const plan = {...NOTHING, links: [(fou === undefined ? link : {...link, fou}) as LinkSpec]}
      const steps = diff(plan, node.actual(), ANY)
      assert.deepEqual(
        steps.map((step) => (step.driver === 'netlink' ? step.do : step.driver)),
        ['link-update'],
      )
      assert.match(steps[0]!.reason, fou === undefined ? /⇒ without udp/ : new RegExp(`⇒ udp ${fou}`))
      node.apply(steps)
    }
  })

  const wireguard = (
    endpoint: {address: Address; port: number} | null,
    more: {portMayDiffer?: true} = {},
  ): Desired => ({
    ...NOTHING,
    wireguard: [
      {
        device: 'is-c',
        keyFile: '/k',
        publicKey: key('A'),
        listenPort: 51820,
        peer: {publicKey: key('B'), endpoint, allowedIps: [], keepaliveSeconds: 0, ...more},
      },
    ],
  })
  const held = (endpoint: string) => {
    const node = new FakeNode()
    const peer = {publicKey: key('B'), endpoint, allowedIps: [], keepaliveSeconds: 0}
    node.wireguard.set('is-c', {device: 'is-c', publicKey: key('A'), listenPort: 51820, peers: [peer]})
    return node.actual()
  }

  it('an endpoint that the plan leaves open is the kernel’s to learn', () => {
    assert.deepEqual(
      diff(wireguard(null), held('203.0.113.9:4000'), ANY).filter(({driver}) => driver === 'wireguard'),
      [],
    )
  })

  for (const [where, own] of [
    ['192.0.2.3', '192.0.2.3'],
    ['2001:db8::3', '[2001:db8::3]'],
  ] as const) {
    it(`of a peer behind a NAT at ${where} the port is the kernel's to learn, the address is not`, () => {
      const want = wireguard({address: address(where), port: 51820}, {portMayDiffer: true})
      const reasons = (endpoint: string) =>
        diff(want, held(endpoint), ANY).flatMap(({driver, reason}) => (driver === 'wireguard' ? [reason] : []))
      assert.deepEqual(reasons(`${own}:40000`), [])
      for (const other of ['192.0.2.30:51820', '192.0.2.2:51820', '[2001:db8::4]:51820']) {
        assert.deepEqual(reasons(other), [`endpoint ${other} ⇒ ${own}:51820`])
      }
    })
  }

  it('an endpoint that the plan names is restored', () => {
    const steps = diff(wireguard({address: address('192.0.2.3'), port: 51820}), held('203.0.113.9:4000'), ANY)
    assert.equal(
      steps.find(({driver}) => driver === 'wireguard')?.reason,
      'endpoint 203.0.113.9:4000 ⇒ 192.0.2.3:51820',
    )
  })
})
