import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import {diffWriteBack} from '../../src/diff/index.ts'
import {HeldObjects, mergeObject, siteObjects, tellsOf} from '../../src/writeback/index.ts'
import {rawRecord} from '../support/records.ts'
import {address, CALICO, configOf, remote, site} from '../support/sites.ts'

const IPAM = '/calico/ipam/v2/'
const CONFIG = configOf({
  sites: new Map([remote('b', '10.2.0.0/19', 'fd00:2::/48'), remote('b-c', '10.3.0.64/26')]),
  nodes: {session: 'ibgp', localAs: 64512, nextHop: address('192.168.10.9')},
})
const [OWN, SHARED] = [address('192.168.10.1'), address('192.168.10.9')]
const POOLS = {encapsulation: 'ipip', bgpExport: false} as const
const IDENTITY = {uid: 'u', creationTimestamp: '2026-01-02T03:04:05Z'}

const objects = (blocks: typeof OWN | null = SHARED, addresses = [OWN, SHARED], config = CONFIG) =>
  siteObjects(config, {pools: POOLS, peers: [], gateways: {addresses, blocks}})
const keysOf = (of: ReadonlyMap<string, string>): string[] => [...of.keys()].filter((key) => !key.includes('/ippools/'))

/** What a datastore holds that took all of it, beside these records. */
function heldWith(wanted: ReadonlyMap<string, string>, others: Record<string, string> = {}): HeldObjects {
  const held = new HeldObjects(CONFIG.site)
  const texts = [...wanted].map(([key, text]): [string, string] => [key, mergeObject(text, null, () => IDENTITY)!])
  const upserts = [...texts, ...Object.entries(others)].map(([key, text]) => rawRecord(key, text, 5))
  held.take({type: 'list', revision: 9, upserts, deletes: []})
  return held
}
const difference = (wanted: ReadonlyMap<string, string>, held: HeldObjects) =>
  diffWriteBack({
    ...{wanted, held: held.objects, settled: new Map(), source: 'datastore main', site: CONFIG.site},
    ...{mayPrune: () => true, identity: () => IDENTITY},
  })

describe('gateways as Nodes', () => {
  it('a Node for each address, known to no Kubernetes and in no mesh', () => {
    const nodes = [...objects()].filter(([key]) => key.startsWith(`${CALICO}nodes/`))
    assert.deepEqual(
      nodes.map(([, text]) => text),
      ['192.168.10.1', '192.168.10.9'].map(
        (ip) =>
          `{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"isthmus-a.${ip.replaceAll('.', '-')}","labels":{"isthmus.io/site":"a"},"annotations":{"isthmus.io/owner":"a"}},"spec":{"bgp":{"ipv4Address":"${ip}/32","asNumber":64512,"routeReflectorClusterID":"${ip}"}}}`,
      ),
    )
  })

  it('where Felix makes the routes every remote IPv4 prefix is blocks of one of them, and its pool says so', () => {
    const all = objects()
    assert.deepEqual(
      keysOf(all),
      [
        `${CALICO}nodes/isthmus-a.192-168-10-1`,
        `${CALICO}nodes/isthmus-a.192-168-10-9`,
        `${IPAM}assignment/ipv4/block/10.2.0.0-20`,
        `${IPAM}assignment/ipv4/block/10.2.16.0-20`,
        `${IPAM}assignment/ipv4/block/10.3.0.64-26`,
        `${IPAM}handle/isthmus-a.b-c.10-3-0-64-26`,
        `${IPAM}handle/isthmus-a.b.10-2-0-0-20`,
        `${IPAM}handle/isthmus-a.b.10-2-16-0-20`,
        `${IPAM}host/isthmus-a.192-168-10-9/ipv4/block/10.2.0.0-20`,
        `${IPAM}host/isthmus-a.192-168-10-9/ipv4/block/10.2.16.0-20`,
        `${IPAM}host/isthmus-a.192-168-10-9/ipv4/block/10.3.0.64-26`,
      ].sort(),
    )
    const block = JSON.parse(all.get(`${IPAM}assignment/ipv4/block/10.3.0.64-26`)!)
    assert.equal(block.affinity, 'host:isthmus-a.192-168-10-9')
    assert.deepEqual([block.allocations.length, block.allocations[0], block.allocations[1]], [64, 0, null])
    assert.deepEqual([block.unallocated.length, block.unallocated[0], block.unallocated.at(-1)], [63, 1, 63])
    assert.equal(block.attributes[0].handle_id, 'isthmus-a.b-c.10-3-0-64-26')
    assert.equal(block.attributes[0].secondary.node, 'isthmus-a.192-168-10-9')
    const sizes = [...all].flatMap(([key, text]) => (key.includes('/ippools/') ? JSON.parse(text).spec.blockSize : []))
    assert.deepEqual(sizes, [20, 26, 122])
  })

  it('where BIRD makes them there are no blocks', () => {
    assert.deepEqual(
      keysOf(objects(null)),
      keysOf(objects()).filter((key) => key.includes('/nodes/')),
    )
  })

  it('no pool has blocks that are larger than it', () => {
    const config = {...CONFIG, sites: new Map([remote('b', '10.2.0.16/28', 'fd00:2::1/128')])}
    for (const blocks of [null, SHARED]) {
      const pools = [...objects(blocks, [SHARED], config)].filter(([key]) => key.includes('/ippools/'))
      assert.deepEqual(
        pools.map(([, text]) => JSON.parse(text).spec.blockSize),
        [28, 128],
      )
    }
  })

  it('each is decoded without a word', () => {
    for (const [key, text] of objects()) {
      const decoded = decodeRecord(rawRecord(key, mergeObject(text, null, () => IDENTITY)!), 'datastore main')
      assert.notEqual(decoded.type, 'bad', key)
      assert.deepEqual(decoded.findings, [], key)
    }
  })

  it('the Node comes before its blocks, and goes after them', () => {
    const isIpam = (keys: readonly {key: string}[]): boolean[] => keys.map(({key}) => key.startsWith(IPAM))
    const made = difference(objects(), heldWith(new Map()))
    assert.deepEqual(isIpam(made.changes), isIpam(made.changes).sort())
    const gone = difference(new Map(), heldWith(objects()))
    assert.equal(gone.changes.length, objects().size)
    assert.deepEqual(isIpam(gone.changes), isIpam(gone.changes).sort().reverse())
    const moved = difference(objects(OWN, [OWN]), heldWith(objects()))
    assert.deepEqual(
      moved.changes.map(
        ({key, text}) => `${text === null ? '-' : '+'}${key.includes('/nodes/') ? 'node' : key.split('/')[4]}`,
      ),
      [...Array(3).fill('+assignment'), ...Array(3).fill('+host'), ...Array(3).fill('-host'), '-node'],
    )
  })

  it('a block counts its changes beyond 2^53 and keeps what it does not speak of; the same is not written again', () => {
    const [key, want] = [...objects()].find(([one]) => one.endsWith('10.3.0.64-26'))!
    assert.match(key, /block/)
    const first = mergeObject(want, null, () => IDENTITY)!
    assert.match(first, /"sequenceNumberForAllocation":\{"0":2026010203040500000\}/)
    assert.match(first, /"sequenceNumber":2026010203040500000\}/)
    assert.equal(
      mergeObject(want, first, () => IDENTITY),
      null,
    )
    assert.equal(
      mergeObject(want, first.replace('"deleted":false', '"future":1.10'), () => IDENTITY),
      null,
    )
    const other = first.replace('192-168-10-9"', '192-168-10-1"').replace('{', '{"future":1.10,')
    const mended = mergeObject(want, other, () => IDENTITY)!
    assert.match(mended, /"sequenceNumber":2026010203040500001\}/)
    assert.match(mended, /"sequenceNumberForAllocation":\{"0":2026010203040500000\}/)
    assert.match(mended, /"future":1\.10/)
  })

  const theirs: {name: string; key: string; text: string; over: string | null}[] = [
    {
      name: 'a block in which somebody else has an address as well',
      key: `${IPAM}assignment/ipv4/block/10.3.0.64-26`,
      text: '{"attributes":[{"handle_id":"isthmus-a.b-c.10-3-0-64-26"},{"handle_id":"k8s-pod-network.1"}]}',
      over: 'ipam/assignment/ipv4/block/10.3.0.64-26',
    },
    {
      name: 'one whose handle is of a site with a longer name',
      key: `${IPAM}assignment/ipv4/block/10.3.0.64-26`,
      text: '{"attributes":[{"handle_id":"isthmus-a-b.c.10-3-0-64-26"}]}',
      over: 'ipam/assignment/ipv4/block/10.3.0.64-26',
    },
    {
      name: 'one that lies in ours',
      key: `${IPAM}assignment/ipv4/block/10.2.1.0-26`,
      text: '{"cidr":"10.2.1.0/26","attributes":[]}',
      over: 'ipam/assignment/ipv4/block/10.2.0.0-20',
    },
    {name: 'one elsewhere', key: `${IPAM}assignment/ipv4/block/10.1.0.0-26`, text: 'no JSON', over: null},
    {name: "another site's claim", key: `${IPAM}host/isthmus-a-b.1/ipv4/block/10.2.0.0-20`, text: '', over: null},
    {name: 'a handle', key: `${IPAM}handle/isthmus-handmade`, text: '{}', over: null},
    {name: "a Node without the owner's annotation", key: `${CALICO}nodes/isthmus-a.x`, text: '{}', over: null},
  ]
  for (const {name, key, text, over} of theirs) {
    it(`of somebody else, and left alone: ${name}`, () => {
      const wanted = objects()
      const {changes, findings} = difference(wanted, heldWith(new Map(), {[key]: text}))
      assert.deepEqual(
        findings.map(({conflict}) => conflict?.over),
        over === null ? [] : [over],
      )
      assert.ok(!changes.some((change) => change.key === key))
      assert.equal(changes.length, wanted.size - (over === null ? 0 : 1))
      assert.deepEqual(difference(new Map(), heldWith(new Map(), {[key]: text})).changes, [])
    })
  }

  it('a pod that comes or goes changes a block of others, which is no news', () => {
    const key = `${IPAM}assignment/ipv4/block/10.1.0.0-26`
    const held = heldWith(objects(), {[key]: '{"allocations":[]}'})
    const change = (text: string, of = key, modRevision = 10) =>
      held.take({type: 'changes', revision: modRevision, upserts: [rawRecord(of, text, modRevision)], deletes: []})
    assert.equal(change('{"allocations":[0]}'), false)
    assert.equal(change('{"attributes":[{"handle_id":"isthmus-a.x"}]}'), true)
    assert.equal(change('{"allocations":[0]}', `${IPAM}assignment/ipv4/block/10.1.0.64-26`, 11), true)
    const [own] = keysOf(objects()).filter((one) => one.startsWith(IPAM))
    assert.equal(change(held.objects.get(own!)!.text!, own, 12), true)
  })

  it('each tells which remote site it is about', () => {
    const held = heldWith(objects())
    const about = (name: string): string[] =>
      [...held.objects].flatMap(([key, {text}]) => (tellsOf(key, text!, site(name)) ? [key] : []))
    assert.deepEqual(about('b').length, 2 + 2 * 3)
    assert.deepEqual(about('b-c').length, 1 + 3)
    assert.deepEqual(about('a').length, 2)
  })
})
