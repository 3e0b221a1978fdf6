import assert from 'node:assert/strict'
import {mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Snapshot, SourceId} from '../../src/model/index.ts'
import {appendKnown, forgetKnown, knownSources, loadLastKnown, saveLastKnown} from '../../src/store/index.ts'
import {rawRecord} from '../support/records.ts'
import {EXPORT, site} from '../support/sites.ts'

const at = {clusterId: 'c1', revision: 7}
const snapshot = (name: string): Snapshot => ({
  ...{site: site(name), source: 'export', datastore: null, ...at},
  records: [rawRecord(`${EXPORT}meta`, {schema: 1, site: name})],
})

describe('what sources left on disk', () => {
  let state: string
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'isthmus-forget-'))
  })
  afterEach(() => rmSync(state, {recursive: true}))

  /** All three files of a source. */
  async function leave(source: SourceId): Promise<void> {
    await saveLastKnown(state, source, snapshot('b'))
    await saveLastKnown(state, source, snapshot('b'), 'good')
    await appendKnown(state, source, at, {revision: 8, upserts: [], deletes: [`${EXPORT}meta`]})
  }

  it('is known, of sources that no configuration names too, and nothing else is taken for it', async () => {
    assert.deepEqual(await knownSources(state), [])
    for (const source of ['export/b', 'datastore/main', 'export/b-2'] as const) await leave(source)
    for (const name of ['sites.json', 'export-c.jsonl.new', 'export-d.good.jsonl'])
      writeFileSync(join(state, 'known', name), '')
    assert.deepEqual(await knownSources(state), ['datastore/main', 'export/b', 'export/b-2'])
  })

  it('goes when it is told to, whole, and of no other source; twice is once', async () => {
    for (const source of ['export/b', 'export/b-2'] as const) await leave(source)
    for (const _ of [1, 2]) await forgetKnown(state, 'export/b')
    assert.deepEqual(await loadLastKnown(state, 'export/b'), {snapshot: null, findings: []})
    assert.deepEqual(await knownSources(state), ['export/b-2'])
    assert.deepEqual(readdirSync(join(state, 'known')).sort(), [
      'export-b-2.changes.jsonl',
      'export-b-2.good.jsonl',
      'export-b-2.jsonl',
    ])
  })
})
