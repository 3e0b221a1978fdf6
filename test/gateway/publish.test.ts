import assert from 'node:assert/strict'
import fc from 'fast-check'
import {createPublisher, type PublishDeps, type Rights} from '../../src/gateway/publish.ts'
import {type EtcdStep, type GatewayName, JournalMap, type KeyHold, type Outcome} from '../../src/model/index.ts'
import {EXPORT} from '../support/sites.ts'

const signal = new AbortController().signal
const ALIVE: KeyHold = {key: 'alive', modRevision: 1}
const LEADER: KeyHold = {key: 'leader', modRevision: 2}
const OWN = `${EXPORT}gateways/a1`

/** A journal that can be passed by. */
class OpenJournal {
  readonly texts = new Map<string, string>()
  readonly #changed: string[] = []

  get revision(): number {
    return this.#changed.length
  }

  set(key: string, text: string): void {
    this.texts.set(key, text)
    this.#changed.push(key)
  }

  delete(key: string): void {
    if (this.texts.delete(key)) this.#changed.push(key)
  }

  changedSince(revision: number): ReadonlySet<string> {
    return new Set(this.#changed.slice(revision))
  }
}

/** The export in memory: what is wanted, what is held, and writes that fail after so many keys when told. */
function site() {
  const members = new JournalMap()
  const local = new JournalMap()
  const records = new OpenJournal()
  const state: {
    wanted: ReadonlyMap<string, string> | null
    isWhole: boolean
    reachable: boolean
    /** Keys that the next write does before it fails; null: it does not fail. */
    failAfter: number | null
    /** Called in the middle of a write. */
    during: () => void
    rights: Rights
  } = {
    wanted: new Map([['meta', '1']]),
    isWhole: true,
    reachable: true,
    failAfter: null,
    during: () => {},
    rights: {own: ALIVE, leader: LEADER, staying: []},
  }
  const applied: EtcdStep[] = []
  const applyOne = (step: EtcdStep): Outcome => {
    applied.push(step)
    const puts = [...step.put].map((entry) => () => records.set(...entry))
    const writes = [...puts, ...step.delete.map((key) => () => records.delete(key))]
    for (const write of writes.slice(0, state.failAfter ?? writes.length)) write()
    state.during()
    if (state.failAfter === null) return {ok: true, step: step.key}
    state.failAfter = null
    return {ok: false, step: step.key, code: 'unreachable', cause: 'told to'}
  }
  const apply: PublishDeps['apply'] = async (steps) => steps.map(applyOne)
  const publisher = createPublisher({
    gateway: 'a1' as GatewayName,
    rights: () => state.rights,
    wanted: () => state.wanted,
    kept: [members, local],
    held: {
      records,
      get isWhole() {
        return state.isWhole
      },
    },
    reachable: () => state.reachable,
    apply,
  })
  return {
    members,
    local,
    records,
    state,
    applied,
    publish: () => publisher.publish(signal),
    distrust: publisher.distrust,
  }
}

const key = fc.constantFrom('e1', 'e2', 'e3')
const text = fc.constantFrom('1', '2')
const event = fc.oneof(
  {weight: 3, arbitrary: fc.record({what: fc.constant('member' as const), key, text: fc.option(text)})},
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('local' as const),
      key: fc.constantFrom('local/1', 'local/2'),
      text: fc.option(text),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('site' as const),
      records: fc.dictionary(fc.constantFrom('meta', 'site', OWN), text),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('somebody' as const),
      key: fc.constantFrom('e1', 'e2', 'local/1', 'foreign', 'meta'),
      text: fc.option(text),
    }),
  },
  {weight: 3, arbitrary: fc.record({what: fc.constant('publish' as const), failAfter: fc.option(fc.nat(3))})},
  {weight: 1, arbitrary: fc.record({what: fc.constant('distrust' as const)})},
)

describe('the publisher', () => {
  it('reaches what is wanted from any history, writes that fail half-way among it, and then writes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, {maxLength: 25}), fc.boolean(), async (events, meanwhile) => {
        const {members, local, records, state, applied, publish, distrust} = site()
        const change = (
          map: JournalMap | OpenJournal,
          {key: name, text: to}: {key: string; text: string | null},
        ): void => (to === null ? map.delete(name) : map.set(name, to))
        for (const one of events) {
          if (one.what === 'member') change(members, one)
          if (one.what === 'local') change(local, one)
          if (one.what === 'site') state.wanted = new Map(Object.entries(one.records))
          if (one.what === 'somebody') change(records, one)
          if (one.what === 'distrust') distrust()
          if (one.what === 'publish') {
            state.failAfter = one.failAfter
            // Members change and somebody writes while the datastore is being written.
            state.during = () => {
              if (!meanwhile) return
              members.set('e3', 'meanwhile')
              records.delete('e1')
            }
            await publish()
            state.during = () => {}
          }
        }
        state.failAfter = null
        await publish()
        assert.deepEqual(new Map(records.texts), new Map([...(state.wanted ?? []), ...members.texts, ...local.texts]))
        const before = applied.length
        assert.deepEqual((await publish()).steps, [])
        assert.equal(applied.length, before)
      }),
      {numRuns: 500},
    )
  })

  it('writes nothing before it may, before it knows what is there, or while the datastore is away', async () => {
    const {state, applied, publish} = site()
    const wanted = state.wanted
    const noRights = {own: null, leader: null, staying: []}
    const {rights} = state
    for (const closed of [{wanted: null}, {isWhole: false}, {reachable: false}, {rights: noRights}]) {
      Object.assign(state, closed)
      assert.deepEqual(await publish(), {steps: [], failures: []})
      Object.assign(state, {wanted, isWhole: true, reachable: true, rights})
    }
    assert.equal(applied.length, 0)
    assert.equal((await publish()).steps.length, 1)
  })

  it('looks at what changed and at nothing else', async () => {
    const {members, records, applied, publish} = site()
    for (let i = 0; i < 1000; i++) members.set(`e${i}`, '1')
    await publish()
    await publish()
    // Whoever walked everything would find it.
    records.texts.set('e5', 'changed unseen')
    members.set('e7', '2')
    await publish()
    assert.deepEqual([...applied.at(-1)!.put], [['e7', '2']])
  })

  it('and at everything when it is told to', async () => {
    const {members, records, publish, distrust} = site()
    members.set('e5', '1')
    await publish()
    records.texts.delete('e5')
    distrust()
    assert.deepEqual([...(await publish()).steps[0]!.put], [['e5', '1']])
  })

  describe('writes only what it has the right to', () => {
    const member = `${EXPORT}endpoints/main/10.1.0.1/x`
    const old = [`${EXPORT}endpoints/gone/10.1.9.1/y`, `${EXPORT}local/gone/tiers/t`]
    const sets = [`${EXPORT}attributes/x`, `${EXPORT}attributes/y`, `${EXPORT}attributes/z`]

    /** Wants its own record and a member; held are those of another gateway and of a datastore that nobody here names. */
    function twins() {
      const one = site()
      one.state.wanted = new Map([
        [OWN, '1'],
        [sets[0]!, '1'],
        [member, '1'],
      ])
      for (const key of [`${EXPORT}gateways/a2`, ...old, sets[1]!, sets[2]!]) one.records.set(key, '1')
      return one
    }
    const done = ({applied}: ReturnType<typeof site>) =>
      applied.map(({holds, put, delete: gone}) => [holds, [...put.keys()], [...gone].sort()])

    it('its own record under its own life, without the lead', async () => {
      const one = twins()
      one.state.rights = {own: ALIVE, leader: null, staying: []}
      await one.publish()
      assert.deepEqual(done(one), [[[ALIVE], [OWN], []]])
    })

    it('all else while it leads, with what it left alone before; of other gateways nothing that stays', async () => {
      const one = twins()
      one.state.rights = {own: ALIVE, leader: null, staying: ['gateway/a2']}
      await one.publish()
      one.applied.length = 0
      one.state.rights = {own: null, leader: LEADER, staying: ['gateway/a2']}
      await one.publish()
      assert.deepEqual(done(one), [[[LEADER], [sets[0], member], [sets[1]!, sets[2]!, ...old].sort()]])
    })

    it('leaves the members of a datastore that stays, with their sets, until it stays no longer', async () => {
      const one = twins()
      one.state.rights = {own: ALIVE, leader: LEADER, staying: ['gateway/a2', 'datastore/gone']}
      await one.publish()
      assert.deepEqual(done(one), [
        [[LEADER], [sets[0], member], [sets[2]]],
        [[ALIVE], [OWN], []],
      ])
      one.applied.length = 0
      one.state.rights = {own: ALIVE, leader: LEADER, staying: []}
      await one.publish()
      assert.deepEqual(done(one), [[[LEADER], [], [sets[1], ...old, `${EXPORT}gateways/a2`].sort()]])
    })
  })
})
