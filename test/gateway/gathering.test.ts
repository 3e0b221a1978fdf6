import assert from 'node:assert/strict'
import {createGathering} from '../../src/gateway/gathering.ts'
import type {SourceId, World} from '../../src/model/index.ts'

type State = 'synced' | 'restored' | 'heard'

function gathering() {
  let nowMs = 0
  const [known, failed] = [new Map<SourceId, State>(), new Set<SourceId>()]
  const isGathered = createGathering({
    sources: ['datastore/main', 'export/b', 'export/c'],
    hasFailed: (source) => failed.has(source),
    nowMs: () => nowMs,
  })
  const states = (): World['sources'] =>
    new Map(
      [...known].map(([source, state]) => [
        source,
        {
          ...{synced: state === 'synced', restored: state === 'restored'},
          ...{revision: 1, clusterId: 'c', keys: 0, decodeErrors: 0},
        },
      ]),
    )
  return {
    known,
    failed,
    gathered: (ms: number): boolean => {
      nowMs += ms
      return isGathered(states())
    },
  }
}

describe('gathering', () => {
  it('is done when all are there, read or from disk', () => {
    const {known, gathered} = gathering()
    assert.equal(gathered(0), false)
    known.set('datastore/main', 'synced').set('export/b', 'restored').set('export/c', 'heard')
    assert.equal(gathered(1000), false)
    known.set('export/c', 'synced')
    assert.equal(gathered(0), true)
  })

  it('waits for what is being read as long as something comes, and does not wait for ever', () => {
    const {known, gathered} = gathering()
    assert.equal(gathered(0), false)
    assert.equal(gathered(59_000), false)
    known.set('datastore/main', 'synced')
    assert.equal(gathered(0), false)
    assert.equal(gathered(59_000), false)
    assert.equal(gathered(1000), true)
  })

  it('waits three seconds for those that fail, and longer while one of them does not', () => {
    const {known, failed, gathered} = gathering()
    known.set('datastore/main', 'synced')
    failed.add('export/b')
    assert.equal(gathered(0), false)
    assert.equal(gathered(10_000), false)
    failed.add('export/c')
    assert.equal(gathered(0), true)
  })
})
