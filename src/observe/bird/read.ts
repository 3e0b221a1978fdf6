import {type BirdClient, type BirdReply, BirdUnreachable, type KeptBird, replyCode} from '../../bird/index.ts'
import {type BfdSession, parseBfdSessions} from './parse-bfd.ts'
import {type BgpSessionState, parseSessions} from './parse-sessions.ts'

/** The running BIRD at one moment. */
export interface RouterState {
  readonly up: boolean
  readonly version: string | null
  readonly sessions: readonly BgpSessionState[]
  readonly bfd: readonly BfdSession[]
  /** Routes by BIRD's table, `master4` and `master6`. */
  readonly routes: ReadonlyMap<string, number>
}

const AWAY: RouterState = {up: false, version: null, sessions: [], bfd: [], routes: new Map()}

/** Reads everything over one connection; a BIRD that is away is `up: false`. */
export async function readRouter(bird: KeptBird, signal: AbortSignal): Promise<RouterState> {
  try {
    return await bird.use(
      async (client) => ({
        up: true,
        version: await readVersion(client, signal),
        sessions: await readSessions(client, signal),
        bfd: await readBfd(client, signal),
        routes: await readRoutes(client, signal),
      }),
      signal,
    )
  } catch (error) {
    if (error instanceof BirdUnreachable) return AWAY
    throw error
  }
}

export async function readSessions(client: BirdClient, signal: AbortSignal): Promise<BgpSessionState[]> {
  return parseSessions(await client.request('show protocols all', signal))
}

/** Empty too when no BFD is configured. */
export async function readBfd(client: BirdClient, signal: AbortSignal): Promise<BfdSession[]> {
  return parseBfdSessions(await client.request('show bfd sessions', signal))
}

export async function readRoutes(client: BirdClient, signal: AbortSignal): Promise<Map<string, number>> {
  return parseRouteCounts(await client.request('show route count', signal))
}

/** `N of M routes for K networks in table NAME`: M, since N is what a filter of the question let through. */
function parseRouteCounts(reply: BirdReply): Map<string, number> {
  const counts = reply.lines.flatMap(({code, text}): [string, number][] => {
    const row = code === replyCode.routeCountOfTable ? /(\d+) routes for \d+ networks in table (\S+)/.exec(text) : null
    return row ? [[row[2]!, Number(row[1])]] : []
  })
  return new Map(counts.sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function readVersion(client: BirdClient, signal: AbortSignal): Promise<string | null> {
  const {lines} = await client.request('show status', signal)
  const line = lines.find(({code}) => code === replyCode.version)
  return line?.text.replace(/^BIRD /, '').trim() ?? null
}
