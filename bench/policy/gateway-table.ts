import {spawnSync} from 'node:child_process'
import path from 'node:path'
import {isOfJudgement} from '../../src/apply/index.ts'
import type {NftSet, NftTable, World} from '../../src/model/index.ts'
import {markText} from '../../src/model/index.ts'
import {type PolicyPart, type RulesetFrame, rulesetFrame, rulesetWith} from '../../src/plan/ruleset.ts'
import type {DeviceIndexes} from '../../src/plan/trusted-ways.ts'
import type {Namespace} from '../../test/support/namespace.ts'
import {configOf, remote, tunnelTo} from '../../test/support/sites.ts'
import type {Asked} from './fast-path-process.ts'
import {SITES, sitePrefix} from './workload.ts'

/** The router's devices: towards its own site, and the one that stands for the tunnel to all the others. */
export const NEAR_SIDE = 'left'
export const TUNNEL = 'right'
/** What no policy of the workload decides. */
export const DEFAULT = 'allow'
const GENERATION = 0x100
/** Stand-ins, which the script has by name: the indexes differ from router to router. */
const DEVICES = new Map([
  [NEAR_SIDE, 1001],
  [TUNNEL, 1002],
])

const config = configOf({
  owns: [sitePrefix(0)],
  sites: new Map([remote('b', ...SITES.slice(1).map((_, index) => sitePrefix(index + 1)))]),
  default: DEFAULT,
})
const tunnel = tunnelTo('b', TUNNEL)

/** As a gateway keeps them (`createPlan`). */
const frames = {
  withFastPath: new WeakMap<World['sites'], RulesetFrame>(),
  rulesAlone: new WeakMap<World['sites'], RulesetFrame>(),
}

/** The whole table that a gateway of site a would have with this policy: the bench measures nothing less. */
export function gatewayTable({sites}: Pick<World, 'sites'>, policy: PolicyPart, fastPath = true): NftTable {
  const known = fastPath ? frames.withFastPath : frames.rulesAlone
  let frame = known.get(sites)
  if (!frame) {
    const base = {config, world: {sites}, tunnels: [tunnel], links: [], wireguard: []}
    frame = rulesetFrame({...base, uplinkDevices: ['wan0'], devices: DEVICES, fastPath})
    known.set(sites, frame)
  }
  return rulesetWith(frame, policy)
}

/**
 * The table as a script for `nft -f`. With `judged` no mark is ever that of the generation in force, so that every packet
 * is judged, as all are in the moment after a change.
 */
export function tableScript(
  table: NftTable,
  {judged, devices = DEVICES}: {judged: boolean; devices?: DeviceIndexes},
): string {
  const trusted = markText(judged ? 2 * GENERATION : GENERATION)
  const current = markText(GENERATION)
  const external: Readonly<Record<string, readonly [string, string][]>> = {
    generation: [[trusted, '']],
    current: [
      ['ipv4', current],
      ['ipv6', current],
    ],
  }
  /** As the driver writes them (apply/nft/generation.ts): a way's mark with the generation's. */
  const wayText = (key: string, value: string): [string, string] => {
    const parts = key.split(' . ').map((part) => {
      const device = [...devices].find(([, index]) => String(index) === part)
      if (device) return `"${device[0]}"`
      return part.startsWith('0x') ? markText(Number(trusted) + Number(part)) : part
    })
    return [parts.join(' . '), value === '' ? '' : markText(GENERATION + Number(value))]
  }
  const setText = ({name, key, value, interval, elements, external: kept, dynamic, size: most}: NftSet): string => {
    const quoted = key === 'ifname' ? '"' : ''
    const own = name === 'trusted' || name === 'ways' ? [...elements].map(([from, to]) => wayText(from, to)) : elements
    const items = [...(kept ? (external[name] ?? []) : own)].map(
      ([element, mapped]) => `${quoted}${element}${quoted}${mapped === '' ? '' : ` : ${mapped}`}`,
    )
    const type = value === null ? key : `${key} : ${value}`
    const list = items.length > 0 ? `elements = { ${items.join(', ')} }` : ''
    const size = most !== undefined ? `size ${most};` : name === 'trusted' ? 'size 16384;' : ''
    const flags = interval ? 'flags interval;' : dynamic ? 'flags dynamic;' : ''
    return `${value === null ? 'set' : 'map'} ${name} { type ${type}; ${size} ${flags} ${list}\n}`
  }
  const chainTexts = [...table.chains.values()].map(({name, hook, rules}) => {
    const base = hook && `type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy ${hook.policy};`
    return `chain ${name} {\n${[...(base ? [base] : []), ...rules].join('\n')}\n}`
  })
  const counters = table.counters.map((name) => `counter ${name} {\n}`)
  const parts = [...counters, ...[...table.sets.values()].map(setText), ...chainTexts]
  return `table inet ${table.name} {\n${parts.join('\n')}\n}\n`
}

const FAST_PATH_PROCESS = path.resolve(import.meta.dirname, 'fast-path-process.ts')

/**
 * Puts the table in force as a gateway does, with the fast path on its devices. `judges`: it judges every packet, as it does in
 * the moment after endpoints have changed.
 */
export function loadGateway(
  {name, run}: Pick<Namespace, 'name' | 'run'>,
  table: NftTable,
  {judges = false, ...options}: Parameters<typeof tableScript>[1] & {judges?: boolean},
): void {
  run('nft -f -', tableScript(table, options))
  const {devices = DEVICES} = options
  const names = [...devices].flatMap(([device, index]) => (table.fastPath?.includes(index) ? [device] : []))
  if (names.length === 0) return
  const args = ['netns', 'exec', name, process.execPath, ...process.execArgv, FAST_PATH_PROCESS]
  const sets = [...table.sets.values()].filter((set) => isOfJudgement(set.name))
  const asked: Asked = {
    devices: names,
    judge: judges ? {sets: sets.map((set) => [set.name, [...set.elements]]), ports: [...(table.udpPorts ?? [])]} : null,
  }
  const {status, stderr, error} = spawnSync('ip', args, {encoding: 'utf8', input: JSON.stringify(asked)})
  if (status !== 0) throw new Error(stderr || `no fast path: status ${status}, ${error}`)
}
