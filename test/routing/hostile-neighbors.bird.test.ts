import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {keepBird} from '../../src/bird/index.ts'
import {sessionFindings} from '../../src/gateway/session-findings.ts'
import type {PeerName} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {readRouter} from '../../src/observe/bird/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../support/bird.ts'
import {configOf, worldOf} from '../support/interconnect.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/** Two routers of the WAN: one speaks as it should, and its route is there all the time; the other says anything. */
const GOOD = '192.0.2.10'
const BAD = '192.0.2.14'
const BAD_AS = 65030
const LIMIT = 1000
const MANY = 1_000_000
const MOST_MIB = 56

const ORIGIN = '40010100'
const PATH = '4002040201fe06'
const NEXT_HOP = '400304c000020e'
/** Withdrawn length 0, attributes, one prefix: 10.70.0.0/16 unless said. */
function updateOf(attributes: readonly string[], prefix = '100a46'): string {
  const text = attributes.join('')
  return `0000${(text.length / 2).toString(16).padStart(4, '0')}${text}${prefix}`
}
const HEADER = 'ff'.repeat(16)
const SOUND = updateOf([ORIGIN, PATH, NEXT_HOP], '100a47')

const MALFORMED: {name: string; says: string; told: RegExp; ends?: true}[] = [
  {name: 'no ORIGIN', says: updateOf([PATH, NEXT_HOP]), told: /Missing mandatory ORIGIN/},
  {name: 'no AS path', says: updateOf([ORIGIN, NEXT_HOP]), told: /Missing mandatory AS_PATH/},
  {name: 'no next hop', says: updateOf([ORIGIN, PATH]), told: /Missing mandatory NEXT_HOP/},
  {name: 'a next hop of three bytes', says: updateOf([ORIGIN, PATH, '400303c00002']), told: /Malformed NEXT_HOP/},
  {name: 'a loopback as next hop', says: updateOf([ORIGIN, PATH, '4003047f000001']), told: /Invalid NEXT_HOP/},
  {
    name: 'communities of three bytes',
    says: updateOf([ORIGIN, PATH, NEXT_HOP, 'c00803000102']),
    told: /Malformed COMMUNITY/,
  },
  {
    name: 'an attribute nobody knows and all should',
    says: updateOf([ORIGIN, PATH, NEXT_HOP, '403f0100']),
    told: /Unknown attribute/,
  },
  {
    name: 'an attribute longer than the message',
    says: updateOf([ORIGIN, PATH, NEXT_HOP, '4005ff00']),
    told: /Malformed attribute list/,
  },
  {
    name: 'a prefix of 33 bits',
    says: updateOf([ORIGIN, PATH, NEXT_HOP], '210a46000080'),
    told: /Invalid network field/,
    ends: true,
  },
  {name: 'a message of a kind that there is not', says: `raw:${HEADER}001363`, told: /Bad message type/, ends: true},
  {name: 'what is no message at all', says: `raw:${'00'.repeat(40)}`, told: /not synchronized/i, ends: true},
]

describe('a router of the WAN that says what nobody should', function () {
  this.timeout(60_000)
  const {signal} = new AbortController()
  const program = fileURLToPath(new URL('../support/bgp-speaker.ts', import.meta.url))
  const spaces: Namespace[] = []
  const running: ChildProcess[] = []
  let gw: Namespace
  let bird: TestBird

  const state = () => readRouter(keepBird(bird.socket, signal), signal)
  const sessionTo = async (neighbor: string) => (await state()).sessions.find((one) => one.neighbor === neighbor)!
  const kernel = (prefix: string): string => gw.run(`ip route show ${prefix}`).trim()
  const speak = (space: Namespace, ...args: string[]): ChildProcess => {
    const child = spawn('ip', ['netns', 'exec', space.name, process.execPath, program, ...args], {stdio: 'inherit'})
    running.push(child)
    return child
  }
  const residentMiB = (): number =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${bird.pid}/status`, 'utf8'))?.[1]) / 1024

  before(async () => {
    for (const name of ['gw', 'good', 'bad']) spaces.push(createNamespace(name))
    const [gateway, good, bad] = spaces as [Namespace, Namespace, Namespace]
    gw = gateway
    for (const [name, space, near, far] of [
      ['good', good, '192.0.2.9/30', `${GOOD}/30`],
      ['bad', bad, '192.0.2.13/30', `${BAD}/30`],
    ] as const) {
      gw.run(`ip link add ${name} type veth peer name wan netns ${space.name}; ip link set ${name} up
        ip addr add ${near} dev ${name}`)
      space.run(`ip link set wan up; ip addr add ${far} dev wan`)
    }
    gw.run('ip addr add 192.0.2.8/32 dev lo')
    bird = await new TestBird(gw).start()
    const config = {
      ...configOf({sites: [{name: 'a', number: 1}]}, 'a'),
      peers: [
        wanPeer({name: 'good' as PeerName, address: GOOD as Address, as: 65029, import: plain('10.0.0.0/8')}),
        wanPeer({
          ...{name: 'bad' as PeerName, address: BAD as Address, as: BAD_AS},
          ...{import: plain('10.0.0.0/8', '11.0.0.0/8'), maxPrefixes: {limit: LIMIT, action: 'block'}},
        }),
      ],
    }
    const input = {config, world: worldOf(new Map()), tunnels: [], passwords: new Map(), draining: false}
    await bird.reload(renderBird(planRouting(input).bird))
    speak(good, GOOD, '192.0.2.9', '65029', updateOf([ORIGIN, '4002040201fe05', '400304c000020a'], '100a48'))
    await eventually(() => kernel('10.72.0.0/16').includes(`via ${GOOD}`), 10_000)
  })
  after(async () => {
    for (const child of running) child.kill('SIGKILL')
    await bird?.remove()
    for (const space of spaces) space.remove()
  })

  let began: unknown
  beforeEach(async () => {
    began = (await sessionTo(GOOD)).sinceMs
  })
  afterEach('the other router’s session and route were there all the time', async () => {
    const {up, sinceMs} = await sessionTo(GOOD)
    assert.deepEqual([up, sinceMs], [true, began])
    assert.match(kernel('10.72.0.0/16'), new RegExp(`via ${GOOD}`))
  })

  for (const {name, says, told, ends = false} of MALFORMED) {
    it(`${name}: ${ends ? 'the session ends' : 'that route is not taken'}, and it is said`, async () => {
      const from = bird.log.length
      const speaker = speak(spaces[2]!, BAD, '192.0.2.13', String(BAD_AS), SOUND, says)
      try {
        await eventually(() => told.test(bird.log.slice(from)), 10_000).catch(() => {
          throw new Error(`said: ${bird.log.slice(from)}`)
        })
        if (ends) await eventually(() => kernel('10.71.0.0/16') === '')
        else {
          await eventually(() => kernel('10.71.0.0/16').includes(`via ${BAD}`))
          assert.ok((await sessionTo(BAD)).up)
        }
        assert.equal(kernel('10.70.0.0/16'), '')
      } finally {
        speaker.kill('SIGKILL')
      }
      await eventually(async () => !(await sessionTo(BAD)).up)
    })
  }

  it('a million prefixes, twice: as many as may be are taken, memory is bounded, and it is said', async () => {
    const before = residentMiB()
    for (const round of ['first', 'second']) {
      const speaker = speak(spaces[2]!, BAD, '192.0.2.13', String(BAD_AS), `prefixes:${MANY}`, SOUND)
      const {name} = await eventually(async () => {
        const session = await sessionTo(BAD)
        return session.limitHit && session
      }, 20_000)
      // Until all that it says has been read.
      await eventually(async () => {
        const [, updates] = /Import updates: +(\d+)/.exec(await bird.ask(`show protocols all ${name}`)) ?? []
        return Number(updates) > MANY
      }, 30_000)
      const session = await sessionTo(BAD)
      assert.deepEqual(session.limitHit, {of: 'imported', limit: LIMIT, action: 'block'})
      assert.deepEqual([session.up, session.imported], [true, LIMIT])
      assert.equal(kernel('root 11.0.0.0/8').split('\n').length, LIMIT)
      assert.equal(kernel('10.71.0.0/16'), '')
      assert.deepEqual(
        sessionFindings(await state()).map(({code}) => code),
        ['peer-over-limit'],
      )
      // BIRD keeps some 37 bytes for each prefix that it has ever heard of; of a route that it keeps, many times as much.
      const more = residentMiB() - before
      assert.ok(more < MOST_MIB, `${more} MiB more, ${round}`)
      speaker.kill('SIGKILL')
      await eventually(() => kernel('root 11.0.0.0/8') === '', 10_000)
    }
  })
})
