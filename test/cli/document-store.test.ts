import assert from 'node:assert/strict'
import {type DocumentStore, planAndWrite, type Written} from '../../src/cli/document-store.ts'
import {type Change, DOCUMENTS_ROOT, type DocumentPlan, type Stored} from '../../src/documents/index.ts'
import {EtcdRefused, EtcdUnreachable} from '../../src/etcd/index.ts'
import {parseDatastoreName} from '../../src/model/index.ts'
import {configOf} from '../support/sites.ts'

const KEY = `${DOCUMENTS_ROOT}tiers/t`

/** A datastore in memory that keeps etcd's promises, and does once what it is told to before or after a write. */
function fakeStore(events: readonly (() => void)[] = []) {
  const held = new Map<string, {text: string; modRevision: number}>()
  const left = [...events]
  let revision = 1
  const put = (key: string, text: string): void => {
    held.set(key, {text, modRevision: ++revision})
  }
  const store: Pick<DocumentStore, 'read' | 'write' | 'datastore'> = {
    datastore: parseDatastoreName('main')!,
    read: async () => ({stored: new Map([...held].map(([key, one]) => [key, {key, ...one}])), revision}),
    async write({changes}) {
      const event = left.shift()
      if (event === lost) {
        await store.write({changes, existing: [], quiet: []}, revision)
        throw new EtcdUnreachable('the answer got lost')
      }
      event?.()
      if (changes.some(({key, modRevision}) => (held.get(key)?.modRevision ?? 0) !== modRevision)) return false
      for (const {key, text} of changes) {
        if (text === null) held.delete(key)
        else put(key, text)
      }
      return true
    },
  }
  return {store, held, put, left}
}
const lost = (): void => undefined

/** Wants `t` to say `mine`. */
function plan(stored: Stored): DocumentPlan {
  const before = stored.get(KEY)
  const result = !before ? 'created' : before.text === 'mine' ? 'unchanged' : 'configured'
  const change: Change = {key: KEY, rank: 0, text: 'mine', modRevision: before?.modRevision ?? 0, needs: []}
  const answers = [{kind: 'Tier', name: 't', namespace: null, key: KEY, result}] as const
  return {answers, changes: result === 'unchanged' ? [] : [change], findings: []}
}

describe('planAndWrite', () => {
  const run = ({store}: ReturnType<typeof fakeStore>, dryRun = false): Promise<Written> =>
    planAndWrite(
      {...store, config: configOf(), close: () => undefined},
      [DOCUMENTS_ROOT],
      dryRun,
      plan,
      async () => undefined,
    )
  const results = ({answers}: Written): string[] => answers.map(({result}) => result)

  it('somebody else’s write in between: read again, and decided by what is there then', async () => {
    const fake = fakeStore([() => fake.put(KEY, 'theirs')])
    assert.deepEqual([results(await run(fake)), fake.held.get(KEY)?.text], [['configured'], 'mine'])
  })

  it('an answer that got lost: what is stored then was our doing', async () => {
    const fake = fakeStore([lost])
    const written = await run(fake)
    assert.deepEqual([results(written), written.gaveUp, fake.held.get(KEY)?.text], [['created'], false, 'mine'])
  })

  it('gives up where the store never holds still, and says so', async () => {
    const fake = fakeStore(Array.from({length: 9}, (_, index) => () => fake.put(KEY, `theirs ${index}`)))
    const written = await run(fake)
    assert.deepEqual([written.gaveUp, fake.held.get(KEY)?.text, fake.left.length], [true, 'theirs 4', 4])
  })

  it('a refusal is not tried again', async () => {
    const fake = fakeStore([
      () => {
        throw new EtcdRefused('permission denied')
      },
    ])
    await assert.rejects(run(fake), EtcdRefused)
    assert.equal(fake.held.size, 0)
  })

  it('a bug of ours is not taken for an etcd that is away', async () => {
    const fake = fakeStore([
      () => {
        throw new TypeError('bug')
      },
    ])
    await assert.rejects(run(fake), TypeError)
  })

  it('dry: says what would be, and writes nothing', async () => {
    const fake = fakeStore()
    assert.deepEqual([results(await run(fake, true)), fake.held.size], [['created'], 0])
  })
})
