import assert from 'node:assert/strict'
import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {type Caller, nobody} from '../../src/api/caller.ts'
import {createEventHub, type EventHub, MOST_STREAMS} from '../../src/api/event-hub.ts'
import type {Watched} from '../../src/api/index.ts'
import {type EventReader, readEvents} from '../support/event-reader.ts'
import {STATUS, WATCHED} from '../support/fake-view.ts'

describe('event hub', () => {
  let hub: EventHub
  let server: Server
  let watched: Watched
  let passes: number
  let taken: number
  let nowMs: number
  let padding: string
  let costMs: number
  let caller: Caller
  let readers: EventReader[]

  beforeEach(async () => {
    watched = {...WATCHED, tunnels: []}
    ;[passes, taken, nowMs, padding, costMs, readers] = [0, 0, 0, '', 0, []]
    caller = nobody(null)
    hub = createEventHub({
      view: {
        watched: () => watched,
        status: () => {
          taken++
          nowMs += costMs
          return {...STATUS, waitingFor: padding, reconcile: {...STATUS.reconcile, passes}}
        },
      },
      nowMs: () => nowMs,
      wallIso: () => '2026-01-02T03:04:05.000Z',
      onError: (error) => assert.fail(String(error)),
    })
    server = createServer((request, response) => {
      response.writeHead(200, {'content-type': 'text/event-stream'})
      hub.attach(response, caller, request.headers['last-event-id']?.toString() ?? null)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    hub.look()
  })
  afterEach(async () => {
    for (const reader of readers) reader.close()
    hub.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const open = async (after?: string): Promise<EventReader> => {
    const headers = after === undefined ? {} : {'last-event-id': after}
    const reader = await readEvents({port: (server.address() as AddressInfo).port, host: '127.0.0.1', headers})
    readers.push(reader)
    return reader
  }
  /** A second later, with the tunnel up or not. */
  const look = (up: boolean): void => {
    nowMs += 1000
    passes++
    watched = {...watched, tunnels: [{name: 't', up}]}
    hub.look()
  }
  const isStatus = ({event}: {event: string}): boolean => event === 'status'

  it('tells the status at once, and entries and the status as they come', async () => {
    const reader = await open()
    assert.equal(JSON.parse((await reader.next(isStatus)).data).site, 'a')
    look(true)
    const entry = await reader.next(({event}) => event === 'log')
    assert.deepEqual(
      {...JSON.parse(entry.data), id: ''},
      {
        id: '',
        at: '2026-01-02T03:04:05.000Z',
        code: 'tunnel-added',
        severity: 'info',
        what: 'tunnel is new and up',
        object: 't',
      },
    )
    assert.equal(JSON.parse(entry.data).id, entry.id)
    const second = await reader.next(({event, data}) => event === 'status' && JSON.parse(data).reconcile.passes === 1)
    const numbers = reader.events.map(({id}) => Number(id.split('-')[1]))
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'numbers grow',
    )
    assert.notEqual(second.id, entry.id)
  })

  it('a status that is the same is not told, and is not made for nobody', async () => {
    look(true)
    assert.equal(taken, 0)
    const reader = await open()
    await reader.next(isStatus)
    nowMs += 1000
    hub.look()
    assert.equal(taken, 2)
    look(false)
    await reader.next(({event, data}) => event === 'log' && data.includes('tunnel-down'))
    await reader.next(({event, data}) => event === 'status' && JSON.parse(data).reconcile.passes === 2)
    assert.equal(reader.events.filter(isStatus).length, 2)
  })

  it('one text is made for all who watch', async () => {
    const all = await Promise.all(Array.from({length: 20}, () => open()))
    await Promise.all(all.map((reader) => reader.next(isStatus)))
    const before = taken
    look(true)
    await Promise.all(all.map((reader) => reader.next(({data}) => data.includes('"passes":1,'))))
    assert.deepEqual([before, taken], [1, 2])
  })

  it('goes on where somebody left', async () => {
    const first = await open()
    look(true)
    const {id} = await first.next(({event}) => event === 'log')
    first.close()
    for (const up of [false, true, false]) look(up)
    const second = await open(id)
    await second.next(isStatus)
    assert.deepEqual(
      second.events.filter(({event}) => event === 'log').map(({data}) => JSON.parse(data).code),
      ['tunnel-down', 'tunnel-up', 'tunnel-down'],
    )
    assert.equal(
      second.events.some(({event}) => event === 'resync'),
      false,
    )
  })

  const strange = ['0123456789ab-1', 'nonsense', '', 'RUN-99999', 'RUN-0x1', 'RUN--1']
  for (const id of strange) {
    it(`an id that is not known (${JSON.stringify(id)}) means to begin anew`, async () => {
      const {run} = hub.log(1, null)
      const reader = await open(id.replace('RUN', run))
      const event = await reader.next(({event}) => event === 'resync')
      assert.deepEqual(JSON.parse(event.data), {run})
      await reader.next(isStatus)
    })
  }

  it('what is older than the ring means to begin anew, what is in it does not', async () => {
    for (let index = 0; index < 4000; index++) look(index % 2 === 0)
    const {run, entries, more} = hub.log(2000, null)
    assert.deepEqual([entries.length, more], [2000, true])
    const old = await open(`${run}-5`)
    await old.next(({event}) => event === 'resync')
    const recent = await open(entries[10]!.id)
    await recent.next(isStatus)
    assert.equal(recent.events.filter(({event}) => event === 'log').length, 10)
  })

  it('the log is read backwards in pages', () => {
    for (let index = 0; index < 9; index++) look(index % 2 === 0)
    const all = hub.log(100, null)
    assert.deepEqual([all.entries.length, all.more], [10, false])
    const pages = [hub.log(5, null)]
    while (pages.at(-1)!.more) pages.push(hub.log(5, pages.at(-1)!.entries.at(-1)!.id))
    assert.deepEqual(
      pages.flatMap(({entries}) => entries),
      all.entries,
    )
    assert.deepEqual(hub.log(5, '000000000000-9').entries, [])
  })

  it('who does not read is spared what is old, then cut; the others go on', async () => {
    const [slow, quick] = [await open(), await open()]
    await Promise.all([slow.next(isStatus), quick.next(isStatus)])
    slow.pause()
    padding = 'x'.repeat(3_000_000)
    for (let index = 0; index < 4; index++) {
      look(index % 2 === 0)
      await quick.next(({data}) => data.includes(`"passes":${index + 1},`))
    }
    assert.equal(hub.streams(), 2)
    padding = ''
    for (let index = 4; index < 40; index++) {
      look(index % 2 === 0)
      await quick.next(({data}) => data.includes(`"passes":${index + 1},`))
    }
    assert.equal(hub.streams(), 1, 'the slow one is gone')
  })

  it('a status that is longer than what may wait is told, and nobody stays in the count', async () => {
    padding = 'x'.repeat(5_000_000)
    const reader = await open()
    await reader.next(isStatus)
    look(true)
    await reader.next(({data}) => data.includes('"passes":1,'))
    assert.equal(hub.streams(), 1)
    reader.close()
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(hub.streams(), 0)
  })

  it('a status that is costly is made less often', async () => {
    const reader = await open()
    await reader.next(isStatus)
    costMs = 50
    const before = taken
    for (let index = 0; index < 10; index++) look(index % 2 === 0)
    assert.equal(taken, before + 2)
  })

  it('who may no longer watch is let go at the next beat', async () => {
    let isStill = true
    caller = {...nobody(null), isStill: () => isStill}
    const reader = await open()
    await reader.next(isStatus)
    isStill = false
    hub.beat()
    await reader.ended
    assert.equal(hub.streams(), 0)
  })

  it('there is room for so many', () => {
    assert.equal(MOST_STREAMS, 200)
    assert.ok(hub.hasRoom())
  })
})
