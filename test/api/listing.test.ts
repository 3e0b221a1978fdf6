import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {request} from 'node:http'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {type EndpointRow, type RunningApi, startApi} from '../../src/api/index.ts'
import {ENDPOINT, fakeView} from '../support/fake-view.ts'

interface Page {
  readonly status: number
  readonly length: string | undefined
  readonly text: string
}

describe('lists in pages', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi
  /** Rows that were made, and lists that were begun. */
  let made: number
  let begun: number
  let faults: unknown[]

  const start = async (count: number, failAt = -1): Promise<void> => {
    function* rows(): Generator<EndpointRow> {
      begun++
      for (let index = 0; index < count; index++) {
        if (index === failAt) throw new Error('a fault')
        made++
        yield {...ENDPOINT, address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`}
      }
    }
    const view = fakeView({
      get: (kind, name) => (kind === 'endpoints' ? (rows() as never) : fakeView().get(kind, name)),
    })
    api = await startApi({view, socketPath, metrics: null, onError: (error) => faults.push(error)})
  }
  const ask = (query: string, kind = 'endpoints'): Promise<Page> =>
    new Promise((resolve, reject) => {
      const outgoing = request({socketPath, path: `/v1/get/${kind}${query}`}, (incoming) => {
        let text = ''
        incoming.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({status: incoming.statusCode ?? 0, length: incoming.headers['content-length'], text}),
        )
      })
      outgoing.on('error', reject).end()
    })

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-pages-'))
    socketPath = path.join(folder, 'api.sock')
    ;[made, begun, faults] = [0, 0, []]
  })
  afterEach(async () => {
    await api.close()
    await rm(folder, {recursive: true})
  })

  it('each page goes on where the one before ended, and makes no row twice', async () => {
    await start(2500)
    const seen: string[] = []
    let query = '?limit=1000'
    for (let page = 0; page < 3; page++) {
      const {items, more, next} = JSON.parse((await ask(query)).text)
      seen.push(...items.map(({address}: EndpointRow) => address))
      assert.equal(more, page < 2)
      query = `?limit=1000&cursor=${next}`
      if (page === 2) assert.equal(next, null)
    }
    assert.equal(new Set(seen).size, 2500)
    assert.deepEqual([made, begun], [2500, 1])
  })

  it('a page is read once; its cursor is of this kind and no other', async () => {
    await start(30)
    const {next} = JSON.parse((await ask('?limit=10')).text)
    assert.equal((await ask(`?cursor=${next}`, 'tunnels')).status, 410)
    assert.equal((await ask(`?limit=10&cursor=${next}`)).status, 200)
    const again = await ask(`?limit=10&cursor=${next}`)
    assert.deepEqual([again.status, JSON.parse(again.text).error.code], [410, 'cursor-gone'])
    assert.equal((await ask('?cursor=nonsense')).status, 400)
  })

  it('lists that nobody goes on with are forgotten', async () => {
    await start(30)
    const {next} = JSON.parse((await ask('?limit=1')).text)
    for (let index = 0; index < 64; index++) await ask('?limit=1')
    assert.equal((await ask(`?cursor=${next}`)).status, 410)
  })

  it('a long one goes out as it is made, and others are answered meanwhile', async () => {
    await start(60_000)
    const all = ask('?limit=0')
    let answered = 0
    for (let index = 0; index < 5; index++) {
      await ask('?limit=1', 'tunnels')
      answered++
    }
    const between = made
    const {length, text} = await all
    const {items, more, next} = JSON.parse(text)
    assert.deepEqual([items.length, more, next, length], [60_000, false, null, undefined])
    assert.ok(answered === 5 && between < 60_000, `${between} rows were made by then`)
  })

  it('who does not read gets no more made', async () => {
    await start(1_000_000)
    const outgoing = request({socketPath, path: '/v1/get/endpoints?limit=0'}, (incoming) => incoming.pause())
    outgoing.on('error', () => undefined).end()
    let before = -1
    while (before !== made || made === 0) {
      before = made
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.ok(made < 100_000, `${made} rows were made`)
    outgoing.destroy()
  })

  it('a fault in the middle cuts the answer, and is told to the log', async () => {
    await start(60_000, 50_000)
    await assert.rejects(ask('?limit=0'), /aborted|ECONNRESET/)
    assert.match(String(faults[0]), /a fault/)
    assert.equal((await ask('?limit=1', 'tunnels')).status, 200)
  })
})
