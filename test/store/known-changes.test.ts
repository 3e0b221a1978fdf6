import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import fc from 'fast-check'
import {parseDatastoreName, parseSiteName, type RawRecord} from '../../src/model/index.ts'
import {appendKnown, changesFile, loadLastKnown, saveLastKnown} from '../../src/store/index.ts'

const HEADER = {
  site: parseSiteName('a')!,
  source: 'datastore',
  datastore: parseDatastoreName('main')!,
  clusterId: 'c',
} as const
const SOURCE = 'datastore/main'

const record = (key: string, text: string, modRevision: number): RawRecord => ({
  key,
  value: Buffer.from(text),
  modRevision,
})
const plain = (records: Iterable<RawRecord>): string[] =>
  [...records].map(({key, value, modRevision}) => `${key} ${Buffer.from(value).toString()} ${modRevision}`).sort()

describe('changes beside the last known state', () => {
  let dir = ''
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-known-'))
  })
  afterEach(() => rmSync(dir, {recursive: true}))

  const change = fc.record({key: fc.constantFrom('/a', '/b', '/c'), text: fc.option(fc.constantFrom('1', '2'))})
  const event = fc.record({whole: fc.nat(4), changes: fc.uniqueArray(change, {selector: ({key}) => key})})

  it('give back what was kept last, and with an end that was cut off what was kept before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, {minLength: 1, maxLength: 8}), fc.nat(), async (events, cut) => {
        const state = new Map<string, RawRecord>()
        let base = {clusterId: 'c', revision: 1}
        await saveLastKnown(dir, SOURCE, {...HEADER, ...base, records: []})
        let kept: {revision: number; records: string[]}[] = [{revision: 1, records: []}]
        for (const [index, {whole, changes}] of events.entries()) {
          const revision = index + 2
          for (const {key, text} of changes) {
            if (text === null) state.delete(key)
            else state.set(key, record(key, text, revision))
          }
          if (whole === 0) {
            base = {clusterId: 'c', revision}
            await saveLastKnown(dir, SOURCE, {...HEADER, ...base, records: [...state.values()]})
            kept = []
          } else {
            const upserts = changes.flatMap(({key}) => state.get(key) ?? [])
            const deletes = changes.flatMap(({key, text}) => (text === null ? [key] : []))
            await appendKnown(dir, SOURCE, base, {revision, upserts, deletes})
          }
          kept.push({revision, records: plain(state.values())})
        }
        const load = async () => {
          const {snapshot, findings} = await loadLastKnown(dir, SOURCE)
          assert.deepEqual(findings, [])
          return {revision: snapshot!.revision, records: plain(snapshot!.records)}
        }
        assert.deepEqual(await load(), kept.at(-1))

        if (kept.length < 2) return
        const text = readFileSync(changesFile(dir, SOURCE), 'utf8')
        writeFileSync(changesFile(dir, SOURCE), text.slice(0, cut % text.length))
        const {revision, records} = await load()
        assert.deepEqual(records, kept.find((one) => one.revision === revision)?.records)
      }),
      {numRuns: 100},
    )
  })

  it('that are left over from before all was written count as nothing', async () => {
    const base = {clusterId: 'c', revision: 1}
    await saveLastKnown(dir, SOURCE, {...HEADER, ...base, records: [record('/a', '1', 1)]})
    await appendKnown(dir, SOURCE, base, {revision: 2, upserts: [record('/b', '2', 2)], deletes: []})
    const left = readFileSync(changesFile(dir, SOURCE))
    await saveLastKnown(dir, SOURCE, {...HEADER, clusterId: 'c', revision: 3, records: [record('/c', '3', 3)]})
    writeFileSync(changesFile(dir, SOURCE), left)
    const {snapshot} = await loadLastKnown(dir, SOURCE)
    assert.deepEqual([snapshot?.revision, plain(snapshot?.records ?? [])], [3, ['/c 3 3']])
  })

  it('let others have their turn while much is written', async () => {
    const records = Array.from({length: 30_000}, (_, i) => record(`/k${i}`, 'x'.repeat(300), i))
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await saveLastKnown(dir, SOURCE, {...HEADER, revision: 1, records})
    clearInterval(timer)
    assert.ok(turns > 3, `${turns} turns`)
    assert.equal((await loadLastKnown(dir, SOURCE)).snapshot?.records.length, 30_000)
  })
})
