import {createContext} from 'preact'
import {useContext, useEffect, useState} from 'preact/hooks'
import type {GatewayStatus, LogAnswer, LogEntry, TunnelStatus} from '../api/client.ts'
import {ask} from './ask.ts'

/** Bytes a second, by the counters of two looks. */
export interface Rate {
  readonly rx: number
  readonly tx: number
}

export interface Live {
  /** `login`: the gateway wants to know who asks. */
  readonly link: 'connecting' | 'live' | 'lost' | 'login'
  readonly status: GatewayStatus | null
  /** When it came. */
  readonly atMs: number
  readonly rates: ReadonlyMap<string, Rate>
  /** The newest first. */
  readonly log: readonly LogEntry[]
}

const MOST_LOG = 500
/** Where events do not come (a proxy that holds them back, too many who watch), status and log are asked for. */
const POLL_MS = 5_000
/** A stream that says nothing for so long is as good as gone. */
const SILENT_MS = 30_000

const NOTHING: Live = {link: 'connecting', status: null, atMs: 0, rates: new Map(), log: []}

/** What the gateway says as it says it, for all that show it. */
export class LiveStore {
  #now = NOTHING
  readonly #listeners = new Set<() => void>()
  #source: EventSource | null = null
  #heardMs = 0

  get now(): Live {
    return this.#now
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Follows the gateway for as long as the page is open. */
  start(): void {
    this.#connect()
    void this.#takeLog()
    setInterval(() => {
      const silent = performance.now() - this.#heardMs
      if (this.#source?.readyState === EventSource.OPEN && silent < SILENT_MS) return
      void this.#poll()
      void this.#takeLog()
      if (this.#source?.readyState !== EventSource.CONNECTING) this.#connect()
    }, POLL_MS)
  }

  /** After a login: all that was refused is asked for again. */
  startAgain(): void {
    this.#put({link: 'connecting'})
    this.#connect()
    void this.#takeLog()
    void this.#poll()
  }

  #put(change: Partial<Live>): void {
    this.#now = {...this.#now, ...change}
    for (const listener of this.#listeners) listener()
  }

  #connect(): void {
    this.#source?.close()
    this.#heardMs = performance.now()
    const after = this.#now.log[0]?.id
    const source = new EventSource(after === undefined ? '/v1/events' : `/v1/events?after=${after}`)
    this.#source = source
    // What happened between the log and the first event is in neither.
    if (after === undefined) source.addEventListener('open', () => void this.#takeLog(), {once: true})
    const on = (type: string, take: (data: string) => void): void =>
      source.addEventListener(type, (event) => {
        this.#heardMs = performance.now()
        take((event as MessageEvent<string>).data)
      })
    on('status', (data) => this.#take(JSON.parse(data)))
    on('log', (data) => this.#addToLog([JSON.parse(data) as LogEntry]))
    on('resync', () => {
      // Between what is known and what can be had there may be a gap.
      this.#put({log: []})
      void this.#takeLog()
    })
    source.addEventListener('error', () => void this.#poll())
  }

  async #poll(): Promise<void> {
    const answer = await ask<GatewayStatus>('/v1/status')
    if (answer.ok) this.#take(answer.value)
    else this.#put({link: answer.code === 'not-logged-in' ? 'login' : 'lost'})
  }

  async #takeLog(): Promise<void> {
    const answer = await ask<LogAnswer>(`/v1/log?limit=${MOST_LOG}`)
    if (answer.ok) this.#addToLog(answer.value.entries)
  }

  #addToLog(told: readonly LogEntry[]): void {
    this.#put({log: mergedLog(this.#now.log, told, MOST_LOG)})
  }

  #take(status: GatewayStatus): void {
    const atMs = Date.now()
    this.#put({link: 'live', status, atMs, rates: ratesOf(this.#now, status, atMs)})
  }
}

const numberOf = ({id}: LogEntry): number => Number(id.slice(id.indexOf('-') + 1))
const runOf = ({id}: LogEntry): string => id.slice(0, id.indexOf('-'))

/** What is known and what was told, each once, the newest first. Of another run of the daemon nothing is kept. */
export function mergedLog(known: readonly LogEntry[], told: readonly LogEntry[], most: number): readonly LogEntry[] {
  const [first] = told
  if (first === undefined) return known
  const ofRun = known.filter((entry) => runOf(entry) === runOf(first))
  const entries = new Map([...ofRun, ...told].map((entry) => [numberOf(entry), entry]))
  return [...entries.values()].sort((a, b) => numberOf(b) - numberOf(a)).slice(0, most)
}

export const LiveContext = createContext(new LiveStore())

export const useLiveStore = (): LiveStore => useContext(LiveContext)

/** What is known now, and again each time it changes. */
export function useLive(): Live {
  const store = useLiveStore()
  const [now, setNow] = useState(store.now)
  useEffect(() => {
    const take = (): void => setNow(store.now)
    take()
    return store.listen(take)
  }, [store])
  return now
}

/** Of a counter that went back nothing is known: its device is another. */
function ratesOf(before: Live, {tunnels}: GatewayStatus, atMs: number): ReadonlyMap<string, Rate> {
  const seconds = (atMs - before.atMs) / 1000
  if (!before.status || seconds < 0.3) return before.rates
  const was = new Map(before.status.tunnels.map((tunnel): [string, TunnelStatus] => [tunnel.name, tunnel]))
  return new Map(
    tunnels.flatMap(({name, rxBytes, txBytes}): [string, Rate][] => {
      const old = was.get(name)
      if (!old || rxBytes < old.rxBytes || txBytes < old.txBytes) return []
      return [[name, {rx: (rxBytes - old.rxBytes) / seconds, tx: (txBytes - old.txBytes) / seconds}]]
    }),
  )
}
