import {keepBird} from '../bird/index.ts'
import type {WatchClock} from '../etcd/index.ts'
import {type BirdRoute, type Carriers, type GatewayConfig, type SiteName, sessionKind} from '../model/index.ts'
import {PrefixTable} from '../net/index.ts'
import {askRoutes} from '../observe/index.ts'

/** Which sites' prefixes the WAN's routers tell, while a way without a tunnel stands beside one with a tunnel. */
export interface NativeRoutes {
  /** All that tunnels bring of the site comes from the WAN too. */
  isUp(site: SiteName): boolean
  readonly done: Promise<void>
}

export interface NativeRoutesOptions {
  readonly config: Pick<GatewayConfig, 'sites' | 'paths'>
  readonly carriers: () => Carriers
  readonly clock: WatchClock
  readonly signal: AbortSignal
  readonly onError: (error: unknown) => void
}

/** A site may have ten thousand prefixes, and BIRD has much to say of each. */
const EVERY_MS = 2000

/** BIRD is asked only while somebody wants to know. */
export function watchNativeRoutes(options: NativeRoutesOptions): NativeRoutes {
  const {config, carriers, clock, signal, onError} = options
  const bird = keepBird(config.paths.birdSocket, signal)
  let up: ReadonlySet<SiteName> = new Set()

  const ask = async (site: SiteName): Promise<boolean> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(5 * EVERY_MS)])
    const prefixes = config.sites.get(site)?.owns ?? []
    const routes = await bird.use(async (client) => {
      const all: BirdRoute[] = []
      for (const prefix of prefixes) all.push(...(await askRoutes(client, {of: 'inside', prefix}, limit)))
      return all
    }, limit)
    return bringsAll(routes)
  }

  const look = async (): Promise<void> => {
    const now = new Set<SiteName>()
    try {
      for (const site of sitesInChange(carriers())) if (await ask(site)) now.add(site)
    } catch (error) {
      // What is not known to come does not come.
      now.clear()
      if (!signal.aborted) onError(error)
    }
    up = now
  }

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await look()
      await clock.sleep(EVERY_MS, signal)
    }
  }
  return {isUp: (site) => up.has(site), done: run()}
}

/** Of pairs that have a way without a tunnel beside one with a tunnel. */
export function sitesInChange(carriers: Carriers): SiteName[] {
  const inChange = [...carriers].filter(
    ([, held]) => held.length > 1 && held.some(({encapsulation}) => encapsulation === 'none'),
  )
  return [...new Set(inChange.map(([pair]) => pair.split(' ')[1]!.split('/')[0] as SiteName))]
}

/** Whether routers of the WAN tell something of it, and at least what tunnels bring. */
export function bringsAll(routes: readonly Pick<BirdRoute, 'prefix' | 'protocol' | 'dest'>[]): boolean {
  const of = (kind: 'wan' | 'tunnel') =>
    routes.filter(({protocol, dest}) => sessionKind(protocol) === kind && dest === 'unicast')
  const native = new PrefixTable(of('wan').map(({prefix}) => [prefix, true] as const))
  return native.size > 0 && of('tunnel').every(({prefix}) => native.covering(prefix))
}
