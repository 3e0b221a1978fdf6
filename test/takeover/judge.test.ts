import assert from 'node:assert/strict'
import {createTakeoverJudge, type Word} from '../../src/takeover/index.ts'
import {parseWord} from '../../src/takeover/words.ts'

const TIMES = {afterMs: 2000, backAfterMs: 60_000, repeatMs: 600_000}

const word = (gateway: string, more: Partial<Word> = {}): Word => ({
  ...{gateway, able: 2, why: '', sites: 2, term: 0, has: (more.term ?? 0) > 0},
  ...more,
})

/** A judge that is asked twice a second; gives the second in which it takes, null if it does not within `seconds`. */
function takesAt(
  judge: ReturnType<typeof createTakeoverJudge>,
  own: Word,
  twin: Word | null,
  seconds: number,
  from = 0,
) {
  for (let ms = from * 1000; ms <= (from + seconds) * 1000; ms += 500) {
    const {take, why} = judge.note(own, twin, ms)
    if (take) return {after: ms / 1000 - from, why}
  }
  return null
}

const preferred = () => createTakeoverJudge(true, TIMES)
const lesser = () => createTakeoverJudge(false, TIMES)

describe('who should have the routes', () => {
  const cases: readonly [string, Word, Word | null, isPreferred: boolean, number | null, RegExp?][] = [
    ['nobody has them: the preferred one', word('a1'), word('a2'), true, 2, /preferred/],
    ['not the other one', word('a2'), word('a1'), false, null],
    ['the other one has them: only after a long time', word('a1'), word('a2', {term: 3}), true, 60, /preferred/],
    ['the twin does not answer', word('a2'), null, false, 2, /does not answer/],
    ['the twin cannot', word('a2'), word('a1', {able: 0, why: 'has no tunnel', term: 4}), false, 2, /a1 has no tunnel/],
    ['the twin is drained', word('a2'), word('a1', {able: 1, why: 'is drained', term: 4}), false, 2, /is drained/],
    ['the twin reaches fewer sites', word('a2'), word('a1', {sites: 1, term: 4}), false, 60, /2 sites, a1 1/],
    ['neither can', word('a2', {able: 0}), word('a1', {able: 0}), false, null],
    ['it cannot, and is alone', word('a1', {able: 0}), null, true, null],
    ['drained, and alone: still better than nobody', word('a1', {able: 1}), word('a2', {able: 0}), true, 2],
  ]
  for (const [name, own, twin, isPreferred, after, why] of cases) {
    it(name, () => {
      const took = takesAt(createTakeoverJudge(isPreferred, TIMES), own, twin, 70)
      assert.equal(took?.after ?? null, after)
      if (why) assert.match(took?.why ?? '', why)
    })
  }
})

describe('a gateway that has the routes', () => {
  it('takes them again now and then, and not before', () => {
    const judge = preferred()
    judge.taken(0)
    assert.deepEqual(takesAt(judge, word('a1'), word('a2'), 700), {after: 600, why: 'to be sure'})
  })

  it('takes them again, once, when the twin falls silent, which may have taken them unheard', () => {
    const judge = lesser()
    judge.taken(0)
    assert.equal(takesAt(judge, word('a2'), word('a1', {able: 0}), 20), null)
    assert.deepEqual(takesAt(judge, word('a2'), null, 20, 20), {after: 2, why: 'to be sure'})
    judge.taken(22_000)
    assert.equal(takesAt(judge, word('a2'), null, 60, 22), null)
    assert.equal(takesAt(judge, word('a2'), word('a1', {able: 0}), 5, 90), null)
    assert.equal(takesAt(judge, word('a2'), null, 20, 100)?.after, 2)
    const other = preferred()
    other.taken(0)
    assert.deepEqual(takesAt(other, word('a1'), null, 20, 1), {after: 4, why: 'to be sure'}, 'after the lesser one')
  })

  it('has them no longer once the twin has taken them after it, and takes them back after a long time', () => {
    const judge = preferred()
    judge.note(word('a1'), word('a2', {term: 6}), 0)
    judge.taken(0)
    assert.deepEqual(judge.standing(), {term: 7, has: true})
    assert.equal(judge.note(word('a1'), word('a2', {term: 6}), 500).why, 'has them', 'an older taking of the twin')
    judge.note(word('a1'), word('a2', {term: 8}), 1000)
    assert.deepEqual(judge.standing(), {term: 7, has: false})
    assert.equal(takesAt(judge, word('a1'), word('a2', {term: 8}), 100, 1)?.after, 60)
    judge.taken(62_000)
    assert.deepEqual(judge.standing(), {term: 9, has: true}, 'after all that were heard of')
  })

  it('after both took them unheard nobody knows, whoever looks first: the better one takes them again, soon', () => {
    const [one, two] = [preferred(), lesser()]
    one.taken(0)
    assert.equal(takesAt(two, word('a2'), null, 10)?.after, 2)
    two.taken(2000)
    const wordOf = (judge: typeof one, gateway: string) => word(gateway, judge.standing())
    assert.ok(one.standing().has && two.standing().has)
    one.note(word('a1'), wordOf(two, 'a2'), 20_000)
    two.note(word('a2'), wordOf(one, 'a1'), 20_250)
    assert.ok(!one.standing().has && !two.standing().has)
    assert.equal(takesAt(two, word('a2'), wordOf(one, 'a1'), 10, 21), null)
    assert.equal(takesAt(one, word('a1'), wordOf(two, 'a2'), 10, 21)?.after, 2)
    one.taken(24_000)
    assert.ok(one.standing().term > two.standing().term)
  })

  it('that restarts learns from the twin whether that one has them', () => {
    assert.equal(takesAt(preferred(), word('a1'), word('a2', {term: 9}), 70)?.after, 60)
    // The twin has heard of a taking after its own; who made it has forgotten.
    assert.equal(takesAt(preferred(), word('a1'), word('a2', {term: 9, has: false}), 70)?.after, 2)
  })
})

describe('a twin that comes and goes', () => {
  it('moves nothing while it is away for less than it takes', () => {
    const judge = lesser()
    for (let ms = 0; ms < 100_000; ms += 500) {
      const twin = ms % 4000 < 1500 ? null : word('a1', {term: 2})
      assert.equal(judge.note(word('a2'), twin, ms).take, false)
    }
  })
})

describe('words of others', () => {
  it('are taken whole or not at all', () => {
    const good = word('a2', {term: 3})
    assert.deepEqual(parseWord(JSON.stringify(good)), good)
    for (const bad of [
      '',
      'null',
      '[]',
      '{}',
      JSON.stringify({...good, able: 3}),
      JSON.stringify({...good, sites: -1}),
      JSON.stringify({...good, term: 1.5}),
      JSON.stringify({...good, term: '3'}),
      JSON.stringify({...good, has: 1}),
      JSON.stringify({...good, gateway: null}),
    ])
      assert.equal(parseWord(bad), null, bad)
  })
})
