import assert from 'node:assert/strict'
import {JournalMap} from '../../src/model/index.ts'

describe('JournalMap', () => {
  it('tells the keys that changed since, and of none that were set to what they are', () => {
    const map = new JournalMap()
    map.set('a', '1')
    map.set('b', '1')
    const seen = map.revision
    map.set('a', '1')
    map.delete('c')
    assert.equal(map.revision, seen)
    assert.deepEqual(map.changedSince(seen), new Set())
    map.delete('b')
    map.set('c', '2')
    assert.deepEqual(map.changedSince(seen), new Set(['b', 'c']))
    assert.deepEqual(map.changedSince(0), new Set(['a', 'b', 'c']))
    assert.deepEqual(
      [...map.texts],
      [
        ['a', '1'],
        ['c', '2'],
      ],
    )
  })

  it('says so when a revision is too long ago, and remembers what is younger', () => {
    const map = new JournalMap()
    const early = map.revision
    for (let i = 0; i < 30_000; i++) map.set('key', String(i))
    const late = map.revision
    map.set('other', '')
    assert.equal(map.changedSince(early), null)
    assert.deepEqual(map.changedSince(late), new Set(['other']))
    assert.equal(map.revision, 30_001)
  })
})
