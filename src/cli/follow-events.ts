import type {ApiClient, GatewayEvent, GatewayStatus, Kind} from '../api/client.ts'
import {columnsAt} from './columns.ts'
import type {CliContext} from './context.ts'
import type {Column} from './table.ts'

/** How the gateway's events tell that rows of a kind have changed. */
interface Told {
  /** What of the status is another then, as text. */
  readonly part?: (status: GatewayStatus) => string
  /** How codes of the log begin that are about it. */
  readonly log?: string
  /** All of it is told: nobody has to ask in between. */
  readonly wholly: boolean
}

const STILL = columnsAt(0)

/** Ages and counters are no news. */
const still = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string =>
  JSON.stringify(rows.map((row) => columns.filter(({moves}) => !moves).map(({value}) => value(row))))

const TOLD: {readonly [K in Kind]: Told} = {
  tunnels: {part: ({tunnels}) => still(STILL.tunnels, tunnels), wholly: true},
  sessions: {part: ({sessions}) => still(STILL.sessions, sessions), wholly: true},
  datastores: {part: ({datastores}) => still(STILL.datastores, datastores), wholly: true},
  sites: {part: ({sites}) => still(STILL.sites, sites), wholly: true},
  findings: {part: ({findings}) => still(STILL.findings, findings), wholly: true},
  conflicts: {part: ({findings}) => JSON.stringify(findings.filter(({conflict}) => conflict)), wholly: true},
  // Staged ones stand in the log only, what is edited in a policy without a trace in its columns as well.
  policies: {part: ({policies}) => still(STILL.policies, policies), log: 'policy-', wholly: true},
  tiers: {log: 'policy-', wholly: true},
  // Of these the status has only what goes along with most changes.
  peers: {part: ({sessions}) => still(STILL.sessions, sessions), wholly: false},
  routes: {part: ({sessions}) => still(STILL.sessions, sessions), wholly: false},
  gateways: {part: ({export: {leader}}) => String(leader), wholly: false},
  endpoints: {part: ({sites}) => still(STILL.sites, sites), wholly: false},
  classes: {part: ({nft: {classes, generation}}) => `${classes} ${generation}`, wholly: false},
  nodes: {wholly: false},
  writebacks: {wholly: false},
}

/** The gateway's events, as far as they say when to ask for rows of one kind. */
export interface Follower {
  /** Opens them where they are not open; comes back when it is known how the gateway stands, or that it does not tell. */
  open(): Promise<void>
  /** Resolves at the first news after this call. */
  news(): Promise<void>
  /** Whatever is new will be told. */
  tellsAll(): boolean
  /** The gateway was started anew and does not know yet what it knew before. */
  isBeginning(): boolean
}

export function followEvents(
  {until, err}: Pick<CliContext, 'until' | 'err'>,
  api: Pick<ApiClient, 'events'>,
  kind: Kind,
): Follower {
  const {part, log, wholly} = TOLD[kind]
  let isOpen = false
  let lastId: string | null = null
  let beginning = false
  let before: string | null = null
  let latch = Promise.withResolvers<void>()
  const tell = (): void => {
    latch.resolve()
    latch = Promise.withResolvers()
  }
  until.addEventListener('abort', tell, {once: true})

  const takeStatus = (status: GatewayStatus): void => {
    const now = part?.(status) ?? ''
    const isNews = (before !== null && before !== now) || (beginning && status.ready)
    before = now
    if (status.ready) beginning = false
    if (isNews) tell()
  }
  const take = ({id, event, data}: GatewayEvent): void => {
    if (event === 'resync' && lastId !== null) {
      beginning = runOf(id) !== runOf(lastId)
      err(beginning ? 'the gateway was started anew; what is different since then follows\n' : MISSED)
      tell()
    } else if (event === 'status') takeStatus(JSON.parse(data))
    else if (event === 'log' && log !== undefined && isAbout(JSON.parse(data), log)) tell()
    lastId = id
  }
  const pump = async (events: AsyncIterable<GatewayEvent>, known: () => void): Promise<void> => {
    try {
      for await (const one of events) {
        take(one)
        if (one.event === 'status') known()
      }
    } catch (error) {
      // Then it is asked instead.
      err(`the gateway's events cannot be read: ${error instanceof Error ? error.message : error}\n`)
    }
    isOpen = false
    known()
    tell()
  }

  return {
    async open() {
      if (isOpen || until.aborted) return
      const opened = await api.events(lastId, until)
      if (!opened.ok) return
      isOpen = true
      await new Promise<void>((known) => void pump(opened.value, known))
    },
    news: () => latch.promise,
    tellsAll: () => isOpen && wholly,
    isBeginning: () => isOpen && beginning,
  }
}

const MISSED = 'events of the gateway were missed; what is different since then follows\n'

const runOf = (id: string): string => id.replace(/-\d+$/, '')

/** Of a flood the log has the first ones, and how many it left out. */
const isAbout = ({code}: {readonly code: string}, start: string): boolean =>
  code.startsWith(start) || code === 'left-out'
