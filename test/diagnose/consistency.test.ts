import assert from 'node:assert/strict'
import fc from 'fast-check'
import {parseListing} from '../../src/apply/nft/listing.ts'
import {
  addressesIn,
  compareJudgement,
  compareRoutes,
  compareTable,
  judgementOf,
  linksIn,
  parseRuleset,
  routesIn,
} from '../../src/diagnose/index.ts'
import {type ActualNft, markText, type NftTable, ruleHashes} from '../../src/model/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {policies, seed, verdicts, worlds} from '../policy/random-world.ts'
import {stagedIn} from '../policy/staged-world.ts'
import {tableOf} from '../policy/ways.ts'
import {prefix} from '../policy/worlds.ts'

type Sets = Map<string, {elements: Map<string, string>}>

const copyOf = (sets: NftTable['sets']): Sets =>
  new Map([...sets].map(([name, {elements}]) => [name, {elements: new Map(elements)}]))

const differencesOf = (kernel: Sets | NftTable['sets'], wanted: NftTable['sets']) =>
  compareJudgement(judgementOf(kernel), judgementOf(wanted))

const RUNS = Number(process.env.RUNS ?? 100)

describe(`the kernel’s judgement against one made from nothing (SEED=${seed})`, () => {
  it('numbers of classes do not count: the same world under other numbers is the same', () => {
    fc.assert(
      fc.property(worlds, verdicts, fc.integer({min: 1, max: 0x6fff_ffff}), (world, otherwise, firstClass) => {
        const options = {default: otherwise, previous: null}
        const [a, b] = [1, firstClass].map((first) => compilePolicy(world, {...options, firstClass: first}))
        assert.deepEqual(differencesOf(a!.sets, b!.sets), [])
      }),
      {seed, numRuns: RUNS},
    )
  })

  it('what a compilation came to by way of another world is the same as from nothing', () => {
    fc.assert(
      fc.property(worlds, worlds, verdicts, (first, second, otherwise) => {
        const before = compilePolicy(first, {default: otherwise, previous: null, firstClass: 77})
        const onward = compilePolicy(
          {...second, memberRevision: first.memberRevision + 1},
          {default: otherwise, previous: before, firstClass: 77},
        )
        const fresh = compilePolicy(second, {default: otherwise, previous: null, firstClass: 1})
        assert.deepEqual(differencesOf(onward.sets, fresh.sets), [])
      }),
      {seed, numRuns: Math.ceil(RUNS / 4)},
    )
  })

  it('an endpoint that is lost, or is stale, is named', () => {
    let compared = 0
    fc.assert(
      fc.property(worlds, verdicts, fc.nat(), (world, otherwise, nth) => {
        const {sets} = compilePolicy(world, {default: otherwise, previous: null, firstClass: 1})
        const hosts = [...sets.get('class4')!.elements.keys()]
        const address = hosts[nth % hosts.length]
        if (address === undefined) return
        const less = copyOf(sets)
        for (const name of ['class4', 'class4d']) less.get(name)!.elements.delete(address)
        const named = (differences: readonly {where: string; kernel: string}[], kernel: string): boolean =>
          differences.some((one) => one.where === address && one.kernel === kernel)
        assert.ok(named(differencesOf(less, sets), 'not there'))
        assert.ok(named(compareJudgement(judgementOf(sets), judgementOf(less)), 'an endpoint'))
        compared++
      }),
      {seed, numRuns: RUNS},
    )
    assert.ok(compared > RUNS / 4, `${compared} worlds had an endpoint`)
  })

  it('a pair that leads elsewhere is named by its source, if both ends exist', () => {
    let compared = 0
    fc.assert(
      fc.property(worlds, verdicts, fc.nat(), (world, otherwise, nth) => {
        const {sets} = compilePolicy(world, {default: otherwise, previous: null, firstClass: 1})
        const kernel = copyOf(sets)
        const pairs = [...kernel.get('pairs')!.elements]
        const hosts = [...sets.get('class4')!.elements]
        const [host, number] = hosts[nth % hosts.length] ?? []
        const [key, target] = pairs.find(([pair]) => number !== undefined && pair.startsWith(`${number} . `)) ?? []
        const other = [...sets.get('verdicts')!.elements.keys()].find((one) => one !== target)
        if (host === undefined || key === undefined || other === undefined) return
        kernel.get('pairs')!.elements.set(key, other)
        const named = differencesOf(kernel, sets).map(({where}) => where)
        // A class may hold more than are told of, but not in worlds as small as these.
        assert.ok(named.includes(host), `${host} in ${named.join()}`)
        compared++
      }),
      {seed, numRuns: RUNS},
    )
    assert.ok(compared > RUNS / 10, `${compared} worlds had a pair`)
  })

  const sets = (elements: Record<string, Record<string, string>>): Sets =>
    new Map(Object.entries(elements).map(([name, own]) => [name, {elements: new Map(Object.entries(own))}]))

  it('an address that is another class as a source than as a destination is named', () => {
    const kernel = sets({
      class4: {'10.1.0.1': markText(7), '10.1.0.2': markText(7)},
      class4d: {'10.1.0.1': '0:7', '10.1.0.2': '0:8', '10.1.0.3': '0:7'},
    })
    assert.deepEqual(judgementOf(kernel).twofold, ['10.1.0.2', '10.1.0.3'])
  })

  it('prefixes that were cut otherwise are the same where they say the same, and told where they do not', () => {
    const ends = {judge_sources: {[markText(7)]: '0x1', [markText(9)]: '0x1'}, outs: {'0x1': 'goto deny_egress_a'}}
    const whole = sets({cidr4: {'10.1.0.0/16': markText(7)}, cidr4d: {'10.1.0.0/16': '0:7'}, ...ends})
    const cut = {'10.1.0.0-10.1.0.4': 9, '10.1.0.5': 9, '10.1.0.6-10.1.255.255': 9}
    const cuts = (text: (number: number) => string) =>
      Object.fromEntries(Object.entries(cut).map(([key, number]) => [key, text(number)]))
    const inParts = sets({cidr4: cuts(markText), cidr4d: cuts((number) => `0:${number}`), ...ends})
    assert.deepEqual(compareJudgement(judgementOf(inParts), judgementOf(whole)), [])
    inParts.get('cidr4')!.elements.delete('10.1.0.5')
    inParts.get('cidr4d')!.elements.delete('10.1.0.5')
    assert.deepEqual(
      compareJudgement(judgementOf(inParts), judgementOf(whole)).map(({where}) => where),
      ['10.1.0.5'],
    )
  })

  it('a change that is under way is told', () => {
    const [difference] = compareJudgement(judgementOf(sets({flip: {'0x1 . 0:2': '0x3'}})), judgementOf(sets({})))
    assert.equal(difference?.kernel, '1 elements of a change under way')
  })
})

describe('the rest of a table', () => {
  it('is the same by way of another world, with what is watched for staged policies', () => {
    let watching = 0
    const drawn = fc.tuple(worlds, policies)
    fc.assert(
      fc.property(drawn, drawn, verdicts, ([first, some], [second, others], otherwise) => {
        const actions = [undefined, undefined, undefined, undefined]
        const before = {...first, staged: stagedIn(first, some, actions)}
        const now = {...second, staged: stagedIn(second, others, actions), memberRevision: first.memberRevision + 1}
        const options = {default: otherwise, firstClass: 77}
        const onward = compilePolicy(now, {...options, previous: compilePolicy(before, {...options, previous: null})})
        const fresh = compilePolicy(now, {...options, previous: null, firstClass: 1})
        watching += Number(onward.watch !== null)
        const {counters, sets, chains} = tableOf(onward)
        const held = [...chains].map(([name, {rules}]) => [name, {name, hook: null, rules: ruleHashes(rules)}] as const)
        assert.deepEqual(compareTable({counters, sets, chains: new Map(held)}, tableOf(fresh), new Map()), [])
      }),
      {seed, numRuns: Math.ceil(RUNS / 4)},
    )
    assert.ok(RUNS < 100 || watching > 5)
  })

  const wanted = tableOf({
    sets: new Map([
      ['tunnels', {name: 'tunnels', key: 'ifname', value: null, interval: false, elements: new Map([['is-b', '']])}],
      [
        'trusted',
        {
          name: 'trusted',
          key: 'x',
          value: null,
          interval: false,
          elements: new Map([['0x00000001 . reply . 3 . 4', '']]),
        },
      ],
      ['pairs', {name: 'pairs', key: 'x', value: 'mark', interval: false, elements: new Map([['a', 'b']])}],
    ]),
    chains: new Map([['input', {name: 'input', hook: null, rules: ['accept']}]]),
    counters: ['spoofed'],
  })
  const held = (): {
    counters: string[]
    sets: Map<string, ActualNft['sets'] extends ReadonlyMap<string, infer S> ? S : never>
    chains: Map<string, {name: string; hook: string | null; rules: readonly string[]}>
  } => ({
    counters: ['spoofed'],
    sets: new Map([...wanted.sets].map(([name, set]) => [name, {...set, elements: new Map(set.elements)}])),
    chains: new Map([['input', {name: 'input', hook: null, rules: ruleHashes(['accept'])}]]),
  })
  const devices = new Map([
    ['p-na1', 3],
    ['is-b', 4],
  ])
  const cases: [name: string, change: (kernel: ReturnType<typeof held>) => void, where: string[]][] = [
    ['nothing', () => undefined, []],
    [
      'a rule of another text',
      (kernel) => kernel.chains.set('input', {name: 'input', hook: null, rules: ruleHashes(['drop'])}),
      ['chain input'],
    ],
    [
      'a rule without our comment',
      (kernel) => kernel.chains.set('input', {name: 'input', hook: null, rules: ['foreign']}),
      ['chain input'],
    ],
    ['a chain that is gone', (kernel) => kernel.chains.delete('input'), ['chain input']],
    ['a chain too many', (kernel) => kernel.chains.set('x', {name: 'x', hook: null, rules: []}), ['chain x']],
    [
      'a chain of pairs that nobody leads to',
      (kernel) => kernel.chains.set('v_0123456789abcdef', {name: 'v', hook: null, rules: []}),
      [],
    ],
    ['a counter that is gone', (kernel) => void kernel.counters.pop(), ['counter spoofed']],
    ['a set that is gone', (kernel) => kernel.sets.delete('tunnels'), ['set tunnels']],
    [
      'an element that is gone',
      (kernel) => kernel.sets.set('tunnels', {...kernel.sets.get('tunnels')!, elements: new Map()}),
      ['set tunnels, element is-b'],
    ],
    [
      'numbers of classes: compared elsewhere',
      (kernel) => kernel.sets.set('pairs', {...kernel.sets.get('pairs')!, elements: new Map()}),
      [],
    ],
    [
      'the generation in a mark, and devices by name',
      (kernel) =>
        kernel.sets.set('trusted', {
          ...kernel.sets.get('trusted')!,
          elements: new Map([['0xa0394a01 . reply . p-na1 . is-b', '']]),
        }),
      [],
    ],
    [
      'another way in a mark',
      (kernel) =>
        kernel.sets.set('trusted', {
          ...kernel.sets.get('trusted')!,
          elements: new Map([['0xa0394a02 . reply . p-na1 . is-b', '']]),
        }),
      ['set trusted, element 0x00000002 . reply . 3 . 4', 'set trusted, element 0x00000001 . reply . 3 . 4'],
    ],
  ]
  for (const [name, change, where] of cases) {
    it(name, () => {
      const kernel = held()
      change(kernel)
      assert.deepEqual(
        compareTable(kernel, wanted, devices).map((difference) => difference.where),
        where,
      )
    })
  }
})

describe('routes to remote sites', () => {
  const ways = [{site: 'b', prefixes: [prefix('10.2.0.0/16')], devices: ['is-b']}]
  const refusing = {dst: '10.2.0.0/16', type: 'unreachable'}
  const within = {dst: '10.2.0.0/26', dev: 'is-b'}
  const cases: [name: string, routes: object[], where: string[]][] = [
    ['by the tunnel, the rest refused', [refusing, within], []],
    ['all refused', [refusing], []],
    [
      'nothing: it would fall through to the default route',
      [{dst: 'default', dev: 'wan0'}],
      ['route 10.2.0.0/16 of b'],
    ],
    ['something by another device', [refusing, {dst: '10.2.0.64/26', dev: 'wan0'}], ['route 10.2.0.64/26 of b']],
    [
      'one of two next hops by another device',
      [refusing, {dst: '10.2.0.64/26', nexthops: [{dev: 'is-b'}, {dev: 'is-c'}]}],
      ['route 10.2.0.64/26 of b'],
    ],
    ['a wider one alone', [{dst: '10.0.0.0/8', type: 'unreachable'}], ['route 10.2.0.0/16 of b']],
  ]
  for (const [name, routes, where] of cases) {
    it(name, () => {
      const report = compareRoutes(routesIn(JSON.stringify(routes)), ways, [])
      assert.deepEqual(
        report.differences.map((difference) => difference.where),
        where,
      )
    })
  }

  it('endpoints are told with a way and without', () => {
    const {reached, unreached} = compareRoutes(routesIn(JSON.stringify([refusing, within])), ways, [
      ['b', prefix('10.2.0.5/32')],
      ['b', prefix('10.2.9.9/32')],
    ])
    assert.deepEqual([reached, unreached], [1, 1])
  })
})

describe('what the kernel’s tools say', () => {
  const listing = JSON.stringify({
    nftables: [
      {metainfo: {}},
      {table: {family: 'inet', name: 'isthmus'}},
      {counter: {name: 'spoofed', packets: 1}},
      {map: {name: 'class4', type: 'ipv4_addr', map: 'mark', elem: [['10.1.0.5', 1081936025]]}},
      {
        map: {
          name: 'cidr4',
          type: 'ipv4_addr',
          map: 'mark',
          flags: ['interval'],
          elem: [
            [{prefix: {addr: '10.1.0.0', len: 16}}, 7],
            [{range: ['10.2.0.1', '10.2.0.9']}, 8],
          ],
        },
      },
      {map: {name: 'pairs', type: ['mark', 'classid'], map: 'mark', elem: [[{concat: [7, 'none']}, 2147483648]]}},
      {
        map: {
          name: 'verdicts',
          type: 'mark',
          map: 'verdict',
          elem: [
            [2147483648, {goto: {target: 'allowed'}}],
            [1, {drop: null}],
          ],
        },
      },
      {set: {name: 'tunnels', type: 'ifname', elem: ['is-b', {elem: {val: 'is-c', comment: 'x'}}]}},
      {set: {name: 'six', type: 'ipv6_addr', elem: ['fd00::1', '::ffff:1.2.3.4']}},
      {chain: {name: 'forward', type: 'filter', hook: 'forward', prio: 0, policy: 'drop'}},
      {chain: {name: 'judge'}},
      {rule: {chain: 'judge', comment: 'i:0123456789ab', expr: []}},
      {rule: {chain: 'judge', expr: []}},
    ],
  })

  it('nft: the two readers, which share no code, agree', () => {
    const [mine, drivers] = [parseRuleset(listing)!, parseListing(listing)]
    assert.deepEqual([...mine.chains], [...drivers.chains])
    // One holds many addresses in another way than as a map of texts.
    const plain = ([name, set]: readonly [
      string,
      typeof mine.sets extends ReadonlyMap<string, infer Set> ? Set : never,
    ]) => [name, {...set, elements: [...set.elements]}]
    assert.deepEqual([...mine.sets].map(plain), [...drivers.sets].map(plain))
    assert.deepEqual(mine.counters, drivers.counters)
  })

  it('nft: what is no answer of nft is none', () => {
    for (const text of ['', 'null', '{}', '{"nftables":7}']) assert.equal(parseRuleset(text), null)
  })

  it('ip: devices and addresses that are ours, by name and alias', () => {
    const alias = 'isthmus a/a1/wan b/b1/wan slot 0'
    const ends = {local: '192.0.2.1', remote: '192.0.2.2', ttl: 64}
    const data = {id: 5, ...ends, port: 4789, df: 'set'}
    const links = [
      {
        ifname: 'is-b',
        ifindex: 9,
        flags: ['UP'],
        mtu: 1450,
        ifalias: alias,
        linkinfo: {info_kind: 'vxlan', info_data: data},
      },
      {
        ...{ifname: 'is-f', ifindex: 8, flags: ['UP'], mtu: 1472, ifalias: alias},
        linkinfo: {info_kind: 'ipip', info_data: {...ends, encap: {type: 'fou', sport: 0, dport: 5555}}},
      },
      {ifname: 'is-x', ifindex: 10, flags: [], mtu: 1500, linkinfo: {info_kind: 'bridge'}},
      {ifname: 'is-y', ifindex: 11, flags: [], mtu: 1500, ifalias: alias, linkinfo: {info_kind: 'bridge'}},
    ]
    assert.deepEqual(linksIn(JSON.stringify(links)), [
      {
        name: 'is-b',
        index: 9,
        up: true,
        spec: {
          name: 'is-b',
          alias,
          mtu: 1450,
          kind: 'vxlan',
          local: '192.0.2.1',
          remote: '192.0.2.2',
          ttl: 64,
          vni: 5,
          port: 4789,
        },
      },
      {
        ...{name: 'is-f', index: 8, up: true},
        spec: {name: 'is-f', alias, mtu: 1472, kind: 'ipip', ...ends, fou: 5555},
      },
      {name: 'is-y', index: 11, up: false, spec: null},
    ])
    const addresses = [
      {ifname: 'is-b', addr_info: [{local: '100.64.0.0', address: '100.64.0.2', prefixlen: 32}]},
      {ifname: 'wan0', addr_info: [{local: '198.18.0.0', prefixlen: 31}]},
    ]
    const {ours, carriers} = addressesIn(JSON.stringify(addresses))
    assert.deepEqual(ours, [{device: 'is-b', local: '100.64.0.0', peer: '100.64.0.2'}])
    assert.equal(carriers.get('198.18.0.0'), 'wan0')
  })
})
