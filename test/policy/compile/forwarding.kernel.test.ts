import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {NftChain, NftSet} from '../../../src/model/index.ts'
import {familyOf} from '../../../src/net/index.ts'
import {compilePolicy} from '../../../src/policy/compile/index.ts'
import {type Judgement, judge, type Packet} from '../../../src/policy/oracle/index.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../../support/namespace.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'
import {frameOf, frameSender} from '../raw-packet.ts'
import {address, attributes, entity, policy, rule, tier, world} from '../worlds.ts'

/** `KERNEL_WORLDS=1000 npx mocha …` is the longer run. */
const WORLDS = Number(process.env.KERNEL_WORLDS ?? 40)
const ROUTER_MAC = '02:00:00:00:00:02'

/** As the plan would frame the policy, without all that is not policy. */
const FRAME = `
  chain allowed {
    counter name "allowed"
    meta mark set 0x00000000 meta priority set none
    accept
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state invalid counter name "invalid" drop
    goto judge
  }`

function rulesetText(sets: Iterable<NftSet>, chains: Iterable<NftChain>, counters: readonly string[]): string {
  const setTexts = [...sets].map(({name, key, value, interval, elements, dynamic, size}) => {
    const items = [...elements].map(([element, mapped]) => (mapped === '' ? element : `${element} : ${mapped}`))
    const flags = interval ? 'flags interval;' : dynamic ? `size ${size}; flags dynamic;` : ''
    const list = items.length > 0 ? `elements = { ${items.join(', ')} }` : ''
    return `${value === null ? 'set' : 'map'} ${name} { type ${key}${value === null ? '' : ` : ${value}`}; ${flags} ${list}\n }`
  })
  const chainTexts = [...chains].map(({name, rules}) => `chain ${name} {\n${rules.join('\n')}\n}`)
  const counterTexts = [...counters, 'allowed', 'invalid'].map((name) => `counter ${name} { }`)
  return `table inet judged\ndelete table inet judged\ntable inet judged {\n${[...counterTexts, ...setTexts, FRAME, ...chainTexts].join('\n')}\n}\n`
}

/**
 * Conntrack must take every packet for the first of its flow, or the verdict would be that of another one; and what it
 * calls invalid (ICMP of the other family, or of a type that asks nothing) never gets to the policy.
 */
function firstOfItsFlow(packet: Packet, seen: Set<string>): boolean {
  const {from, to, protocol, sourcePort, destinationPort, icmpType} = packet
  const family = familyOf(from)
  const icmp = protocol === 1 || protocol === 58
  if (from === to) return false
  if (icmp && protocol !== (family === 4 ? 1 : 58)) return false
  if (icmp && !(family === 4 ? [8, 13] : [128]).includes(icmpType ?? -1)) return false
  if (!icmp && seen.has(`${protocol} ${to} ${destinationPort} ${from} ${sourcePort}`)) return false
  seen.add(`${protocol} ${from} ${sourcePort} ${to} ${destinationPort}`)
  return true
}

inNamespace(import.meta.url, () => {
  describe(`compiled policy in the kernel (SEED=${seed})`, () => {
    let router: Namespace
    let far: Namespace
    let sender: ReturnType<typeof frameSender>

    before(() => {
      router = createNamespace('router')
      far = createNamespace('far')
      shell(`ip link add near type veth peer name left netns ${router.name}; ip link set near up`)
      router.run(`ip link add right type veth peer name far netns ${far.name}
        sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 \\
          net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.left.rp_filter=0
        ip link set left address ${ROUTER_MAC} up
        ip link set right up
        ip address add 198.51.100.1/30 dev right
        ip address add fd99::1/64 dev right nodad
        ip neighbour add 198.51.100.2 lladdr 02:00:00:00:00:03 dev right nud permanent
        ip neighbour add fd99::2 lladdr 02:00:00:00:00:03 dev right nud permanent
        for net in 10.0.0.0/8 192.0.2.0/24; do ip route add $net via 198.51.100.2; done
        for net in fd00::/16 2001:db8::/32; do ip -6 route add $net via fd99::2; done`)
      far.run('ip link set far address 02:00:00:00:00:03 up; nft -f -', FAR)
      sender = frameSender('near')
    })
    after(() => {
      sender?.close()
      router?.remove()
      far?.remove()
    })

    const worldsWithFlows = fc.tuple(worlds, verdicts, fc.array(packets, {minLength: 60, maxLength: 60}))
    for (const [index, [given, standard, all]] of fc.sample(worldsWithFlows, {seed, numRuns: WORLDS}).entries()) {
      it(`world ${index} delivers and drops as the oracle says`, async () => {
        const seen = new Set<string>()
        const flows = all.filter((packet) => firstOfItsFlow(packet, seen))
        const {sets, chains, counters} = compilePolicy(given, {default: standard, previous: null, firstClass: 0xfffe})
        router.run('nft -f -', rulesetText(sets.values(), chains.values(), counters))
        far.run('nft flush set inet seen id4; nft flush set inet seen id6')
        // Flows of the world before would be the originals of some of this one's.
        router.run('conntrack -F 2>/dev/null')
        for (const [at, packet] of flows.entries()) sender.send(frameOf(packet, at + 1, ROUTER_MAC))

        const judgements = flows.map((packet) => judge(given, standard, packet))
        const want = new Map<string, number>()
        for (const judgement of judgements) want.set(counterOf(judgement), (want.get(counterOf(judgement)) ?? 0) + 1)
        const found = await eventually(() => {
          const read = countersOf(router)
          return [...read.values()].reduce((sum, packetCount) => sum + packetCount, 0) === flows.length ? read : null
        })
        const came = await eventually(() => {
          const ids = seenOf(far)
          return ids.size >= (found.get('allowed') ?? 0) ? ids : null
        })
        for (const [at, packet] of flows.entries()) {
          const judgement = judgements[at]!
          const context = JSON.stringify({packet, judgement})
          assert.equal(came.has(`${familyOf(packet.from)} ${at + 1}`), judgement.verdict === 'allow', context)
        }
        assert.deepEqual(found, want)
      })
    }

    it('a reply is judged as what it answers', async () => {
      const [a, b] = [address('10.1.0.1'), address('10.2.0.1')]
      const ends = [
        {at: a, site: 'a', set: attributes('pod', {labels: {app: 'asks'}})},
        {at: b, site: 'b', set: attributes('pod', {labels: {app: 'answers'}})},
      ]
      const ask = policy('p', {
        types: ['ingress', 'egress'],
        egress: [rule('Allow', {protocol: 1, icmp: {type: 8, code: 0}, source: entity({selector: "app == 'asks'"})})],
        ingress: [rule('Allow', {protocol: 1, icmp: {type: 8, code: 0}, source: entity({selector: "app == 'asks'"})})],
      })
      const judged = world(ends, [tier('default', 1)], [ask])
      const {sets, chains, counters} = compilePolicy(judged, {default: 'deny', previous: null, firstClass: 1})
      router.run('nft -f -', rulesetText(sets.values(), chains.values(), counters))
      const icmp = {protocol: 1, icmpCode: 0}
      const request = {...icmp, from: a, to: b, icmpType: 8}
      const reply = {...icmp, from: b, to: a, icmpType: 0}
      // The same question the other way round is a flow of its own, which nothing allows.
      const asked = {...icmp, from: b, to: a, icmpType: 8}
      for (const packet of [request, reply, asked]) sender.send(frameOf(packet, 1, ROUTER_MAC))
      const found = await eventually(() => {
        const read = countersOf(router)
        return [...read.values()].reduce((sum, count) => sum + count, 0) === 3 ? read : null
      })
      assert.deepEqual(
        found,
        new Map([
          ['allowed', 2],
          ['deny_egress_b', 1],
        ]),
      )
    })
  })
})

const FAR = `table inet seen {
  set id4 { typeof ip id; size 65535; flags dynamic; }
  set id6 { typeof ip6 flowlabel; size 65535; flags dynamic; }
  chain arrived {
    type filter hook prerouting priority -400; policy drop;
    meta nfproto ipv4 add @id4 { ip id }
    meta nfproto ipv6 add @id6 { ip6 flowlabel }
  }
}
`

const counterOf = ({verdict, reason, direction, site}: Judgement): string =>
  verdict === 'allow' ? 'allowed' : reason === 'unowned' ? 'deny_unowned' : `deny_${direction}_${site}`

/** Counters that counted, by name. */
function countersOf({run}: Namespace): Map<string, number> {
  const {nftables} = JSON.parse(run('nft -j list counters table inet judged')) as {
    nftables: {counter?: {name: string; packets: number}}[]
  }
  const counted = nftables.flatMap(({counter}) => (counter && counter.packets > 0 ? [counter] : []))
  return new Map(counted.map(({name, packets: count}) => [name, count]))
}

function seenOf({run}: Namespace): Set<string> {
  const {nftables} = JSON.parse(run('nft -j list table inet seen')) as {
    nftables: {set?: {name: string; elem?: (number | {elem: {val: number}})[]}}[]
  }
  return new Set(
    nftables.flatMap(({set}) =>
      (set?.elem ?? []).map(
        (element) => `${set!.name.slice(2)} ${typeof element === 'number' ? element : element.elem.val}`,
      ),
    ),
  )
}
