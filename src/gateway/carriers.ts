import type {Carrier, Carriers, Finding, GatewayConfig, SiteName, Tunnel, UplinkPair, World} from '../model/index.ts'
import {readCarriers, type StoredCarriers, type StoredKey, writeCarriers} from '../store/index.ts'
import {
  canStandBeside,
  canTry,
  isStrict,
  keyNameOf,
  nextCarriers,
  offersOf,
  type UplinkPairing,
  uplinkPairs,
  wantedOf,
} from '../tunnels/index.ts'
import {createFormWatch, type FormWatch, type FormWatchOptions, pairOf} from './form-watch.ts'
import type {PassReport} from './pass.ts'

/** Which tunnels there are to be, where one follows another. */
export interface CarrierKeeping {
  /** As of now; written down before it counts, and the same object as long as it says the same. */
  next(sites: World['sites']): Promise<Carriers>
  /** Wants a follower for each tunnel that encrypts, to that site or to all; the pairs of uplinks that get one. */
  renew(site: SiteName | null, sites: World['sites']): Promise<readonly UplinkPair[]>
  findings(): readonly Finding[]
  current(): Carriers
  /** What is seen of both forms of IPIP, where both are tried. */
  readonly forms: Pick<FormWatch, 'seen'>
}

export interface CarrierOptions {
  readonly config: GatewayConfig
  readonly keys: () => ReadonlyMap<string, StoredKey>
  readonly isUp: (tunnel: Tunnel) => boolean
  /** All that tunnels bring of the site comes from the WAN too. */
  readonly isNative?: (site: SiteName) => boolean
  readonly readings: FormWatchOptions['readings']
  readonly last: () => Pick<PassReport, 'planned' | 'dirty'> | null
  /** Monotonic. */
  readonly nowMs: () => number
  readonly wallMs: () => number
  readonly trigger: () => void
  readonly onError: (error: unknown) => void
}

/** Followers for age alone that are on their way at a time: each is two tunnels, and a change of BIRD's file. */
const MOST_AT_ONCE = 8

export async function createCarriers(options: CarrierOptions): Promise<CarrierKeeping> {
  const {config, keys, isUp, isNative, last, readings, nowMs, wallMs, trigger, onError} = options
  const {state} = config.paths
  const stored = await readCarriers(state)
  let carriers: Carriers = stored.carriers
  let asked: ReadonlySet<UplinkPair> = stored.asked
  /** Since when all sessions over a tunnel are up, by pair and serial. */
  const upSince = new Map<string, number>()
  /** Since when the kernel has had what a pair's carriers say. */
  const inForceSince = new Map<UplinkPair, {readonly held: readonly Carrier[]; readonly sinceMs: number}>()

  const forms = createFormWatch({config, planned: () => last()?.planned ?? null, readings, nowMs})

  let saving: Promise<void> = Promise.resolve()
  /** One after the other; what was not written down does not count. */
  function save(wanted: () => StoredCarriers): Promise<void> {
    const saved = saving.then(async () => {
      const next = wanted()
      await writeCarriers(state, next)
      carriers = next.carriers
      asked = next.asked
    })
    saving = saved.catch(() => undefined)
    return saved
  }

  function look(): void {
    const report = last()
    const up = new Map<string, boolean>()
    for (const tunnel of report?.planned?.desired.tunnels ?? []) {
      const pair = pairOf(config, tunnel)
      const carrier = report?.planned?.carriers.get(pair)?.find(({slot}) => slot === tunnel.slot)
      const name = nameOf(pair, carrier?.serial ?? 0)
      up.set(name, (up.get(name) ?? true) && isUp(tunnel))
    }
    for (const [pair, held] of carriers) {
      for (const {serial} of held.filter(({encapsulation}) => encapsulation === 'none'))
        up.set(nameOf(pair, serial), isNative?.(siteOf(pair)) ?? false)
    }
    for (const name of upSince.keys()) if (!up.get(name)) upSince.delete(name)
    for (const [name, is] of up) if (is && !upSince.has(name)) upSince.set(name, nowMs())
    const applied = report?.dirty === false ? report.planned?.carriers : undefined
    for (const [pair, held] of carriers) {
      if (applied?.get(pair) !== held) inForceSince.delete(pair)
      else if (inForceSince.get(pair)?.held !== held) inForceSince.set(pair, {held, sinceMs: nowMs()})
    }
  }

  const upMs = (pair: UplinkPair, serial: number): number => {
    const since = upSince.get(nameOf(pair, serial))
    return since === undefined ? 0 : Math.max(1, nowMs() - since)
  }

  function isOld(pairing: UplinkPairing, newest: Carrier): boolean {
    const {rotateKeysAfterMs: afterMs} = config
    if (afterMs === undefined || newest.encapsulation !== 'wireguard') return false
    const madeMs = keys().get(keyNameOf(pairing, newest))?.madeMs
    return madeMs !== undefined && wallMs() - madeMs > afterMs
  }

  return {
    async next(sites) {
      look()
      forms.look()
      const now = new Map(carriers)
      const done = new Set<UplinkPair>()
      let underWay = [...carriers].filter(([pair, held]) => held.length > 1 && upMs(pair, held[0]!.serial) > 0).length
      for (const pairing of uplinkPairs({config, sites})) {
        const pair: UplinkPair = `${pairing.identity.local} ${pairing.identity.remote}`
        const before = carriers.get(pair) ?? []
        const newest = before.at(-1)
        const isReady = newest !== undefined && upMs(pair, newest.serial) > 0
        const renew = isReady && (asked.has(pair) || (underWay < MOST_AT_ONCE && isOld(pairing, newest)))
        const chooses = pairing.site.encapsulation === 'auto' && !isStrict(pairing)
        // What cannot be tried is not said to pass.
        const mayTry = canTry(config.uplinks, pairing.gateway.uplinks)
        const word = chooses ? mayTry && forms.word(pair, newest) : undefined
        const after = nextCarriers(before, {
          wanted: wantedOf(pairing, word, newest?.encapsulation),
          encrypted: isStrict(pairing),
          offers: offersOf(pairing),
          otherPasses: newest !== undefined && forms.otherPasses(pair, newest),
          ...(word === undefined ? {} : {word}),
          upMs: ({serial}) => upMs(pair, serial),
          inForceMs: inForceMs(pair, before),
          renew,
        })
        if (after === before) continue
        now.set(pair, after)
        if (after.length > before.length && before.length > 0) underWay++
        if (after.at(-1)?.serial !== newest?.serial) done.add(pair)
      }
      for (const pair of now.keys()) if (!config.sites.has(siteOf(pair))) now.delete(pair)
      if ([...now].every(([pair, held]) => carriers.get(pair) === held) && now.size === carriers.size) return carriers
      try {
        await save(() => ({carriers: now, asked: new Set([...asked].filter((pair) => !done.has(pair)))}))
      } catch (error) {
        // What is, goes on; a full disk must not be the end of passes.
        onError(error)
      }
      return carriers
    },

    async renew(site, sites) {
      const pairs = [...uplinkPairs({config, sites})]
        .filter((pairing) => {
          const kind = wantedOf(pairing)
          const hasKey = kind === 'wireguard' || (config.lab && canStandBeside(kind, kind))
          return hasKey && (site === null || pairing.site.name === site)
        })
        .map(({identity}): UplinkPair => `${identity.local} ${identity.remote}`)
      await save(() => ({carriers, asked: new Set([...asked, ...pairs])}))
      trigger()
      return pairs
    },

    current: () => carriers,
    findings: () => [...stored.findings, ...forms.findings()],
    forms,
  }

  function inForceMs(pair: UplinkPair, held: readonly Carrier[]): number {
    const since = inForceSince.get(pair)
    return since?.held === held ? nowMs() - since.sinceMs : 0
  }
}

const nameOf = (pair: UplinkPair, serial: number): string => `${pair} ${serial}`

const siteOf = (pair: UplinkPair): SiteName => pair.split(' ')[1]!.split('/')[0] as SiteName
