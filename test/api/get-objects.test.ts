import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {type Answer, type ApiClient, createApiClient, type Listing} from '../../src/api/client.ts'
import {type GatewayView, type RunningApi, startApi} from '../../src/api/index.ts'
import {createKeptLists, type OpenList} from '../../src/api/kept-lists.ts'
import {ENDPOINT, fakeView} from '../support/fake-view.ts'

const ROWS = Array.from({length: 10}, (_, index) => ({...ENDPOINT, address: `10.0.0.${index}`}))

describe('lists page by page', () => {
  let folder: string
  let api: RunningApi
  let client: ApiClient

  const start = async (rows: () => unknown): Promise<void> => {
    const socketPath = path.join(folder, 'api.sock')
    const view = fakeView({get: rows as GatewayView['get']})
    api = await startApi({view, socketPath, metrics: null, onError: assert.fail})
    client = createApiClient(socketPath)
  }
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-pages-'))
  })
  afterEach(async () => {
    await api.close()
    await rm(folder, {recursive: true})
  })

  async function* slow() {
    for (const row of ROWS) {
      await new Promise(setImmediate)
      yield row
    }
  }
  for (const [what, rows] of [
    ['at hand', () => ROWS],
    ['that are searched for', slow],
    ['that are waited for', async () => ROWS],
  ] as const) {
    for (const limit of [1, 3, 5, 9, 10, 11]) {
      it(`rows ${what}, ${limit} at a time: each once, in their order`, async () => {
        await start(rows)
        const seen: string[] = []
        let next: string | null = null
        do {
          const answer: Answer<Listing<'endpoints'>> = await client.get('endpoints', null, {limit, cursor: next})
          assert.ok(answer.ok)
          assert.equal(answer.value.more, answer.value.next !== null)
          assert.ok(answer.value.items.length <= limit)
          seen.push(...answer.value.items.map(({address}) => address))
          next = answer.value.next
        } while (next !== null)
        assert.deepEqual(
          seen,
          ROWS.map(({address}) => address),
        )
      })
    }
  }

  it('a page is told once, and only to whoever asks for that kind', async () => {
    await start(() => ROWS)
    const first = await client.get('endpoints', null, {limit: 3})
    assert.ok(first.ok)
    const again = {limit: 3, cursor: first.value.next!}
    assert.ok((await client.get('endpoints', null, again)).ok)
    for (const kind of ['endpoints', 'tunnels'] as const) {
      const answer = await client.get(kind, null, again)
      assert.ok(!answer.ok && answer.code === 'cursor-gone', kind)
    }
  })

  it('what the view cannot tell is refused with its reason', async () => {
    await start(() => ({code: 'unavailable', problem: 'BIRD does not answer'}))
    const answer = await client.get('routes', null)
    assert.ok(!answer.ok)
    assert.deepEqual([answer.code, answer.message], ['unavailable', 'BIRD does not answer'])
  })
})

describe('lists that are kept', () => {
  let ended: number[] = []
  beforeEach(() => {
    ended = []
  })
  const list = (number: number): OpenList => ({
    kind: 'endpoints',
    next: null,
    rest: {
      next: () => ({done: true, value: undefined}),
      return: () => {
        ended.push(number)
        return {done: true, value: undefined}
      },
    },
  })

  it('are there for a minute', () => {
    let nowMs = 0
    const lists = createKeptLists(() => nowMs)
    const [first, second] = [lists.keep(list(1)), lists.keep(list(2))]
    nowMs = 60_000
    assert.notEqual(lists.take(first), null)
    nowMs = 60_001
    assert.equal(lists.take(second), null)
    assert.deepEqual(ended, [2])
  })

  it('are 32 at most: the one that was kept first gives way', () => {
    const lists = createKeptLists(() => 0)
    const tokens = Array.from({length: 33}, (_, number) => lists.keep(list(number)))
    assert.deepEqual(ended, [0])
    assert.equal(lists.take(tokens[0]!), null)
    assert.ok(tokens.slice(1).every((token) => lists.take(token) !== null))
  })
})
