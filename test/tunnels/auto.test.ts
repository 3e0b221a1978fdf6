import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type Carrier,
  type Encapsulation,
  isPlain,
  otherForm,
  type PlainForm,
  type TunnelOffer,
  takes,
  type UplinkName,
} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {autoWanted, type FormProbes, type FormWord, formPasses, mustEncrypt, nextWord} from '../../src/tunnels/auto.ts'
import {formsOffered} from '../../src/tunnels/forms.ts'
import {nextCarriers} from '../../src/tunnels/index.ts'
import type {Pair} from '../../src/tunnels/tunnel-parts.ts'

const HERE = '192.168.0.1' as Address
const THERE = '192.168.0.2' as Address
const PUBLIC = '8.8.8.8' as Address
const none = {publicKey: null, port: null, port6: null} as const
const offer = (encapsulation: Encapsulation, more: Partial<TunnelOffer> = {}): TunnelOffer => ({
  ...{slot: 0, uplink: 'wan' as UplinkName, encapsulation, ...none},
  ...more,
})
const auto = (ipip: boolean, encrypted = false) => ({auto: {ipip, encrypted}})

describe('encapsulation auto: the rule', () => {
  const VIEW = {outer: [HERE, THERE], encrypted: false, offers: [], word: false, standing: null} as const
  const CASES: readonly [string, Partial<Parameters<typeof autoWanted>[0]>, Encapsulation][] = [
    ['nothing is known: what more networks carry', {}, 'fou'],
    ['nobody is heard: what there is', {standing: 'ipip'}, 'ipip'],
    ['both say that protocol 4 passes', {word: true, offers: [offer('fou', auto(true))]}, 'ipip'],
    ['only this end says so', {word: true, offers: [offer('ipip', auto(false))]}, 'fou'],
    ['only the other end says so', {word: false, offers: [offer('ipip', auto(true))]}, 'fou'],
    ['the other end has no choice: ipip', {offers: [offer('ipip')]}, 'ipip'],
    ['the other end has no choice: fou', {word: true, offers: [offer('fou')]}, 'fou'],
    ['the other end has no choice: wireguard', {word: true, offers: [offer('wireguard')]}, 'wireguard'],
    [
      'the newer of two offers counts',
      {offers: [offer('ipip', {serial: 1}), offer('wireguard', {serial: 2})]},
      'wireguard',
    ],
    ['encrypted is asked for here', {encrypted: true, word: true, offers: [offer('ipip')]}, 'wireguard'],
    ['encrypted is asked for there', {word: true, offers: [offer('wireguard', auto(true, true))]}, 'wireguard'],
    ['the internet there', {outer: [HERE, PUBLIC], offers: [offer('ipip', auto(true))]}, 'wireguard'],
    ['the internet here', {outer: [PUBLIC, THERE], word: true, offers: [offer('ipip')]}, 'wireguard'],
    ['a carrier’s shared addresses are no private WAN', {outer: ['100.64.0.1' as Address, THERE]}, 'wireguard'],
    ['over IPv6 there is no fou', {outer: ['fd00::1' as Address, 'fd00::2' as Address]}, 'ipip'],
    ['the internet over IPv6', {outer: ['fd00::1' as Address, '2600::1' as Address]}, 'wireguard'],
  ]
  for (const [name, view, wanted] of CASES) {
    it(`${name}: ${wanted}`, () => assert.equal(autoWanted({...VIEW, ...view}), wanted))
  }
})

describe('encapsulation auto: the word on protocol 4', () => {
  const passed = (times: number): FormProbes => ({passedInRow: times, lostInRow: 0})
  const lost = (times: number): FormProbes => ({passedInRow: 0, lostInRow: times})
  const [FRESH, FALLEN, GIVEN] = [
    {ipip: false, fresh: true},
    {ipip: false, fresh: false},
    {ipip: true, fresh: false},
  ] as const
  const CASES: readonly [string, FormWord, FormProbes | null, FormProbes | null, FormWord][] = [
    ['nothing is measured', FRESH, null, null, FRESH],
    ['nine answers', FRESH, passed(9), passed(99), FRESH],
    ['ten answers on a new path', FRESH, passed(10), passed(10), {ipip: true, fresh: true}],
    ['four lost', GIVEN, lost(4), passed(99), GIVEN],
    ['five lost, and the other form passes', GIVEN, lost(5), passed(3), FALLEN],
    ['five lost in both forms: the other gateway, not protocol 4', GIVEN, lost(5), lost(5), GIVEN],
    ['it passes again for nine minutes', FALLEN, passed(599), passed(9999), FALLEN],
    ['it passes again for ten minutes', FALLEN, passed(600), passed(9999), GIVEN],
    ['it passes again, and the other form does not', FALLEN, passed(3), lost(5), GIVEN],
    ['neither passes for half a minute: another path may come back', GIVEN, lost(30), lost(30), FRESH],
  ]
  for (const [name, before, ipip, fou, after] of CASES) {
    it(name, () => assert.deepEqual(nextWord(before, {ipip, fou}), after))
  }

  it('the same object as long as nothing changes', () => {
    for (const word of [FRESH, FALLEN, GIVEN]) assert.equal(nextWord(word, {ipip: null, fou: null}), word)
    assert.equal(nextWord(FRESH, {ipip: lost(99), fou: lost(99)}), FRESH)
  })

  it('a form passes, does not, or nothing is known of it yet', () => {
    const told = [null, lost(0), lost(4), passed(1), lost(5)].map(formPasses)
    assert.deepEqual(told, [null, null, null, true, false])
  })
})

interface End {
  readonly outer: Address
  encrypted: boolean
  word: FormWord
  carriers: readonly Carrier[]
  told: readonly TunnelOffer[]
  heard: readonly TunnelOffer[]
  rows: Record<PlainForm, {passedInRow: number; lostInRow: number}>
  /** How often it changed what it sends. */
  changes: number
  /** A tunnel that does not encrypt stood where only one that does may. */
  weak: boolean
}

const newEnd = (outer: Address): End => ({
  ...{
    outer,
    encrypted: false,
    word: {ipip: false, fresh: true},
    carriers: [],
    told: [],
    heard: [],
    changes: 0,
    weak: false,
  },
  rows: {ipip: {passedInRow: 0, lostInRow: 0}, fou: {passedInRow: 0, lostInRow: 0}},
})

/** Two ends over a path that carries what it likes, each way; a second is a probe of each form at each end. */
class Path {
  readonly ends: readonly [End, End]
  /** By direction (who sends), then form. */
  readonly carries: [Record<PlainForm, boolean>, Record<PlainForm, boolean>] = [
    {ipip: true, fou: true},
    {ipip: true, fou: true},
  ]
  readonly outer: readonly [Address, Address]

  constructor(outer: readonly [Address, Address]) {
    this.outer = outer
    this.ends = [newEnd(outer[0]), newEnd(outer[1])]
  }

  sent(index: 0 | 1): Encapsulation | undefined {
    return this.ends[index].carriers.at(-1)?.encapsulation
  }

  /** A packet of this form, there, and back in what the other end sends on the same device. */
  #answered(index: 0 | 1, form: PlainForm): boolean {
    const [own, other] = [this.sent(index), this.sent(index === 0 ? 1 : 0)]
    if (!own || !other || !isPlain(own) || !isPlain(other)) return false
    const back = form === own ? other : otherForm(other)
    return this.carries[index][form] && this.carries[index === 0 ? 1 : 0][back]
  }

  decide(index: 0 | 1): void {
    const end = this.ends[index]
    const view = {
      outer: [end.outer, this.outer[index === 0 ? 1 : 0]] as const,
      encrypted: end.encrypted,
      offers: end.heard,
    }
    const isStrict = mustEncrypt(view)
    if (!isStrict) end.word = nextWord(end.word, end.rows)
    const standing = end.carriers.at(-1)?.encapsulation ?? null
    const wanted = autoWanted({...view, word: end.word.ipip, standing})
    const before = standing
    end.carriers = nextCarriers(end.carriers, {
      ...{wanted, encrypted: isStrict, offers: end.heard, renew: false, inForceMs: 60_000, otherPasses: true},
      upMs: () => (this.#isUp() ? 60_000 : 0),
      ...(isStrict ? {} : {word: end.word.ipip}),
    })
    if (before !== null && this.sent(index) !== before) {
      end.changes++
      end.rows = newEnd(end.outer).rows
    }
    end.weak ||= isStrict && end.carriers.some(({encapsulation}) => encapsulation !== 'wireguard')
    end.told = end.carriers.map((carrier) => {
      const remote = {address: end.outer, public: null}
      const {slot, serial, encapsulation, phase} = carrier
      const forms = formsOffered({site: {encapsulation: 'auto'}, encapsulation, carrier, remote} as Pair)
      const said = {auto: {ipip: carrier.ipip ?? false, encrypted: end.encrypted}}
      return offer(encapsulation, {
        slot,
        serial,
        ...forms,
        ...said,
        ...(phase === 'left' ? {leaving: true as const} : {}),
      })
    })
  }

  hear(index: 0 | 1): void {
    this.ends[index].heard = this.ends[index === 0 ? 1 : 0].told
  }

  #isUp(): boolean {
    const [a, b] = [this.sent(0), this.sent(1)]
    if (!a || !b) return false
    if (a === 'wireguard' || b === 'wireguard') return a === b
    return this.carries[0][a as PlainForm] && this.carries[1][b as PlainForm]
  }

  isUp(): boolean {
    return this.#isUp()
  }

  second(): void {
    for (const index of [0, 1] as const) {
      for (const form of ['ipip', 'fou'] as const) {
        const row = this.ends[index].rows[form]
        if (this.#answered(index, form)) Object.assign(row, {passedInRow: row.passedInRow + 1, lostInRow: 0})
        else Object.assign(row, {passedInRow: 0, lostInRow: row.lostInRow + 1})
      }
    }
  }

  /** Both ends in step with each other and with the clock. */
  run(seconds: number): void {
    for (let at = 0; at < seconds; at++) {
      this.second()
      for (const index of [0, 1] as const) {
        this.hear(index)
        this.decide(index)
      }
    }
  }

  /** What the network does to both ways alike. */
  set(ipip: boolean, fou: boolean): void {
    for (const way of this.carries) Object.assign(way, {ipip, fou})
  }

  changes(): number {
    return this.ends.reduce((sum, {changes}) => sum + changes, 0)
  }
}

describe('encapsulation auto: both ends', function () {
  this.timeout(120_000)
  const begun = (outer: readonly [Address, Address] = [HERE, THERE]): Path => {
    const path = new Path(outer)
    path.run(30)
    return path
  }
  const sent = (path: Path) => [path.sent(0), path.sent(1)]

  it('a network that carries protocol 4 has ipip within half a minute, one that does not has fou', () => {
    assert.deepEqual(sent(begun()), ['ipip', 'ipip'])
    const path = new Path([HERE, THERE])
    path.set(false, true)
    path.run(100)
    assert.deepEqual([...sent(path), path.changes()], ['fou', 'fou', 0])
  })

  for (const way of [0, 1] as const) {
    it(`protocol 4 is dropped later, one way only (${way}): fou at both ends within ten seconds`, () => {
      const path = begun()
      path.carries[way].ipip = false
      path.run(10)
      assert.deepEqual(sent(path), ['fou', 'fou'])
      assert.ok(path.isUp())
    })
  }

  it('it passes again: ipip after ten minutes, not before', () => {
    const path = begun()
    path.set(false, true)
    path.run(10)
    path.set(true, true)
    path.run(590)
    assert.deepEqual(sent(path), ['fou', 'fou'])
    path.run(20)
    assert.deepEqual(sent(path), ['ipip', 'ipip'])
  })

  it('a network that changes its mind every minute for four hours: one change', () => {
    const path = begun()
    const before = path.changes()
    for (let minute = 0; minute < 240; minute++) {
      path.set(minute % 2 === 1, true)
      path.run(60)
    }
    assert.equal(path.changes() - before, 2, 'one at each end')
  })

  it('an other gateway that is away for a minute, twenty times: at most two changes each at each end, and ipip after', () => {
    const path = begun()
    const before = path.changes()
    for (let time = 0; time < 20; time++) {
      path.set(false, false)
      path.run(60)
      path.set(true, true)
      path.run(60)
    }
    assert.ok(path.changes() - before <= 80)
    assert.deepEqual(sent(path), ['ipip', 'ipip'])
  })

  it('over the internet, or where one end asks for it, wireguard, whatever passes', () => {
    for (const outer of [
      [HERE, PUBLIC],
      [PUBLIC, THERE],
      [PUBLIC, PUBLIC],
    ] as const) {
      assert.deepEqual(sent(begun(outer)), ['wireguard', 'wireguard'])
    }
    const path = begun()
    path.ends[1].encrypted = true
    path.run(5)
    assert.deepEqual(sent(path), ['wireguard', 'wireguard'])
    path.ends[1].encrypted = false
    path.run(60)
    assert.deepEqual(sent(path), ['ipip', 'ipip'])
  })

  it('whatever both see and hear in whatever order: one encapsulation in the end, one that passes, never a weaker one', () => {
    const end = fc.constantFrom(0 as const, 1 as const)
    const flag = fc.boolean()
    const step = fc.oneof(
      {weight: 6, arbitrary: fc.tuple(fc.constantFrom('hear', 'decide'), end)},
      {weight: 3, arbitrary: fc.tuple(fc.constantFrom('run'), fc.constantFrom(1, 6, 40, 700))},
      {weight: 3, arbitrary: fc.tuple(fc.constant('second'), fc.constantFrom(1, 6, 40))},
      {weight: 3, arbitrary: fc.tuple(fc.constant('path'), fc.tuple(end, flag, flag))},
      {weight: 1, arbitrary: fc.tuple(fc.constantFrom('encrypt', 'restart'), end)},
    )
    const addresses = fc.constantFrom(HERE, HERE, HERE, PUBLIC)
    fc.assert(
      fc.property(
        fc.tuple(addresses, addresses),
        fc.array(step, {maxLength: 60, size: 'max'}),
        fc.tuple(fc.tuple(flag, flag), fc.tuple(flag, flag)),
        (outer, steps, last) => {
          const path = new Path(outer)
          for (const [name, what] of steps) {
            if (name === 'hear') path.hear(what as 0 | 1)
            else if (name === 'decide') path.decide(what as 0 | 1)
            else if (name === 'run') path.run(what as number)
            else if (name === 'second') for (let at = 0; at < (what as number); at++) path.second()
            else if (name === 'encrypt') path.ends[what as 0 | 1].encrypted = !path.ends[what as 0 | 1].encrypted
            else if (name === 'restart') {
              const one = path.ends[what as 0 | 1]
              one.word = {ipip: one.carriers.at(-1)?.ipip ?? false, fresh: false}
              one.rows = newEnd(one.outer).rows
            } else {
              const [of, ipip, fou] = what as readonly [0 | 1, boolean, boolean]
              Object.assign(path.carries[of], {ipip, fou})
            }
          }
          for (const [index, [ipip, fou]] of last.entries()) Object.assign(path.carries[index]!, {ipip, fou})
          path.run(700)
          const [a, b] = sent(path)
          const strict = path.ends.some(({encrypted}) => encrypted) || outer.includes(PUBLIC)
          assert.equal(a, b)
          for (const one of path.ends) assert.equal(one.weak, false)
          assert.equal(a === 'wireguard', strict)
          if (strict) return
          const passes = (form: PlainForm): boolean => path.carries.every((way) => way[form])
          if (passes('fou') || passes('ipip'))
            assert.ok(path.isUp(), `${a} where ipip ${passes('ipip')}, fou ${passes('fou')}`)
          if (passes('ipip')) assert.equal(a, 'ipip')
          assert.ok(
            path.ends.every(({told}) =>
              told.every((one) => takes(one, 'wireguard') || takes(one, 'ipip') === takes(one, 'fou')),
            ),
          )
          // And there it stays.
          const before = path.changes()
          path.run(700)
          if (passes('fou') || passes('ipip')) assert.equal(path.changes(), before)
        },
      ),
      {numRuns: Number(process.env.RUNS ?? 100), ...(process.env.SEED ? {seed: Number(process.env.SEED)} : {})},
    )
  })
})
