import {type Carrier, type Finding, type GatewayConfig, isPlain, type Tunnel, type UplinkPair} from '../model/index.ts'
import type {Planned} from '../plan/index.ts'
import type {ProbeReading} from '../probe/index.ts'
import {type FormProbes, type FormReadings, type FormWord, formPasses, nextWord} from '../tunnels/index.ts'

/** What probes say of IPIP as it is and in UDP, for each pair of uplinks that has both tried. */
export interface FormWatch {
  /** Takes what is measured by now; once a pass. */
  look(): void
  /** Whether protocol 4 passes, of a pair that chooses by itself and has this tunnel. */
  word(pair: UplinkPair, newest: Carrier | undefined): boolean
  /** The form that the tunnel does not have, ten times in a row. */
  otherPasses(pair: UplinkPair, newest: Carrier): boolean
  seen(tunnel: Tunnel): {readonly ipip: boolean | null; readonly fou: boolean | null} | null
  findings(): readonly Finding[]
}

export interface FormWatchOptions {
  readonly config: Pick<GatewayConfig, 'site' | 'gateway'>
  readonly planned: () => Pick<Planned, 'desired' | 'trials'> | null
  /** By device. */
  readonly readings: () => Pick<
    ReadonlyMap<string, {readonly small: Pick<ProbeReading, 'passedInRow' | 'lostInRow'>}>,
    'get'
  >
  /** Monotonic. */
  readonly nowMs: () => number
}

const NEEDED = 10
const PERIOD_MS = 1000

export function createFormWatch({config, planned, readings, nowMs}: FormWatchOptions): FormWatch {
  const words = new Map<UplinkPair, FormWord>()
  /** What each device sends, and since when: what was answered before was of the other form. */
  const sending = new Map<string, {readonly form: string; readonly sinceMs: number}>()
  let seen = new Map<UplinkPair, FormReadings>()
  let tried: readonly Tunnel[] = []

  const probesOf = (tunnels: readonly Tunnel[]): FormProbes | null => {
    const rows = tunnels.flatMap(({device}) => {
      const small = readings().get(device)?.small
      const sent = Math.floor((nowMs() - (sending.get(device)?.sinceMs ?? nowMs())) / PERIOD_MS) - 1
      if (!small || sent < 0) return []
      return [{passed: Math.min(small.passedInRow, sent), lost: Math.min(small.lostInRow, sent)}]
    })
    if (rows.length < tunnels.length || rows.length === 0) return null
    // Of two families the worse one counts.
    return {
      passedInRow: Math.min(...rows.map(({passed}) => passed)),
      lostInRow: Math.max(...rows.map(({lost}) => lost)),
    }
  }

  return {
    look() {
      const {desired, trials = []} = planned() ?? {}
      const plain = (desired?.tunnels ?? []).filter(({encapsulation}) => isPlain(encapsulation))
      const all = new Map([...plain, ...trials].map((tunnel) => [tunnel.device, tunnel]))
      for (const device of sending.keys()) if (!all.has(device)) sending.delete(device)
      for (const [device, {encapsulation}] of all) {
        if (sending.get(device)?.form !== encapsulation) sending.set(device, {form: encapsulation, sinceMs: nowMs()})
      }
      seen = new Map()
      for (const pair of new Set(trials.map((trial) => pairOf(config, trial)))) {
        const own = [...all.values()].filter((tunnel) => pairOf(config, tunnel) === pair)
        const of = (form: string) => probesOf(own.filter(({encapsulation}) => encapsulation === form))
        seen.set(pair, {ipip: of('ipip'), fou: of('fou')})
      }
      tried = plain.filter((tunnel) => seen.has(pairOf(config, tunnel)))
    },

    word(pair, newest) {
      const word = words.get(pair) ?? firstWord(newest)
      const next = nextWord(word, seen.get(pair) ?? {ipip: null, fou: null})
      words.set(pair, next)
      return next.ipip
    },

    otherPasses(pair, {encapsulation}) {
      const readings = seen.get(pair)
      return ((encapsulation === 'ipip' ? readings?.fou : readings?.ipip)?.passedInRow ?? 0) >= NEEDED
    },

    seen(tunnel) {
      const readings = isPlain(tunnel.encapsulation) ? seen.get(pairOf(config, tunnel)) : undefined
      return readings ? {ipip: formPasses(readings.ipip), fou: formPasses(readings.fou)} : null
    },

    findings: () =>
      [...new Map(tried.map((tunnel) => [pairOf(config, tunnel), tunnel]))].flatMap(([pair, tunnel]): Finding[] => {
        const {ipip, fou} = seen.get(pair)!
        if (formPasses(ipip) !== false || formPasses(fou) !== false) return []
        return [
          {
            code: 'tunnel-no-form',
            severity: 'error',
            where: {source: 'kernel', key: tunnel.device},
            detail: `${tunnel.id}: no probe to ${tunnel.remote} is answered, in IP protocol 4 (ipip) or in UDP (fou)`,
            remedy: `is ${tunnel.remote} up? Else firewalls and security groups between must pass IP protocol 4, or its fou port (UDP), both ways`,
          },
        ]
      }),
  }
}

/** What was written down of it counts; a tunnel that came to choose by itself is what it is. */
const firstWord = (newest: Carrier | undefined): FormWord =>
  newest?.ipip === undefined ? {ipip: newest?.encapsulation === 'ipip', fresh: true} : {ipip: newest.ipip, fresh: false}

export const pairOf = (
  {site, gateway}: Pick<GatewayConfig, 'site' | 'gateway'>,
  {localUplink, remote}: Pick<Tunnel, 'localUplink' | 'remote'>,
): UplinkPair => `${site}/${gateway}/${localUplink} ${remote}`
