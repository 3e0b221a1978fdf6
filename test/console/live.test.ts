import assert from 'node:assert/strict'
import {setImmediate} from 'node:timers/promises'
import type {LogEntry} from '../../src/api/client.ts'
import {LiveStore, mergedLog} from '../../src/console/live.ts'
import {statusOfMany} from '../support/console-view.ts'

const RUN = '0123456789ab'
const entry = (number: number, run = RUN): LogEntry => ({
  ...{id: `${run}-${number}`, at: '2026-11-27T10:00:00Z', code: 'tunnel-up', severity: 'info'},
  ...{what: `what ${number}`, object: 'b/b1/wan'},
})
const numbers = (log: readonly LogEntry[]): number[] => log.map(({id}) => Number(id.slice(RUN.length + 1)))

/** The browser's, told by the test what comes. */
class Source extends EventTarget {
  static readonly all: Source[] = []
  static readonly CONNECTING = 0
  static readonly OPEN = 1
  static readonly CLOSED = 2
  readyState = Source.CONNECTING
  readonly url: string
  constructor(url: string) {
    super()
    this.url = url
    Source.all.push(this)
  }
  close(): void {
    this.readyState = Source.CLOSED
  }
  tell(type: string, data?: unknown): void {
    this.dispatchEvent(Object.assign(new Event(type), {data: JSON.stringify(data)}))
  }
  open(): void {
    this.readyState = Source.OPEN
    this.tell('open')
  }
  refuse(): void {
    this.readyState = Source.CLOSED
    this.tell('error')
  }
}

describe('what the console follows', () => {
  let log: LogEntry[]
  let tick: () => void
  const before = new Map(['EventSource', 'fetch', 'setInterval'].map((name) => [name, Reflect.get(globalThis, name)]))
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await setImmediate()
  }

  beforeEach(() => {
    log = [entry(2), entry(1)]
    Source.all.length = 0
    Object.assign(globalThis, {
      EventSource: Source,
      setInterval: (then: () => void) => {
        tick = then
      },
      fetch: async (path: string) =>
        Response.json(path.startsWith('/v1/log') ? {run: RUN, entries: log, more: false} : statusOfMany(1)),
    })
  })
  afterEach(() => void Object.assign(globalThis, Object.fromEntries(before)))

  it('is the log whole where the stream was refused for a while', async () => {
    const store = new LiveStore()
    store.start()
    Source.all.at(-1)!.refuse()
    await settle()
    assert.deepEqual([numbers(store.now.log), store.now.link], [[2, 1], 'live'])
    log = [entry(4), entry(3), ...log]
    tick()
    Source.all.at(-1)!.refuse()
    await settle()
    assert.deepEqual(numbers(store.now.log), [4, 3, 2, 1])
    tick()
    await settle()
    assert.match(Source.all.at(-1)!.url, new RegExp(`after=${RUN}-4$`))
  })

  it('goes on after the last that it knows where it begins anew, and takes nothing twice', async () => {
    const store = new LiveStore()
    store.start()
    const first = Source.all.at(-1)!
    first.open()
    await settle()
    first.tell('log', entry(3))
    first.readyState = Source.CLOSED
    tick()
    const second = Source.all.at(-1)!
    assert.equal(second.url, `/v1/events?after=${RUN}-3`)
    second.open()
    for (const number of [3, 4]) second.tell('log', entry(number))
    await settle()
    assert.deepEqual(numbers(store.now.log), [4, 3, 2, 1])
  })

  it('keeps what came while the log was on its way', async () => {
    const store = new LiveStore()
    store.start()
    const [source] = Source.all
    source!.open()
    source!.tell('log', entry(3))
    await settle()
    assert.deepEqual(numbers(store.now.log), [3, 2, 1])
  })

  it('keeps nothing of another run of the daemon, and no more than there may be', () => {
    assert.deepEqual(mergedLog([entry(9)], [entry(1, 'ba9876543210')], 5), [entry(1, 'ba9876543210')])
    assert.deepEqual(numbers(mergedLog([entry(4), entry(2)], [entry(5), entry(3)], 3)), [5, 4, 3])
    assert.deepEqual(mergedLog([entry(4)], [], 5), [entry(4)])
  })
})
