import type {ChangeCounts, Counts, Kind, Rows, RuleCounts} from '../api/client.ts'
import {FIRST_ORDER, type Finding} from '../model/index.ts'
import {ageOf, type Column, formatAge, formatBytes} from './table.ts'

type Columns = {readonly [K in Kind]: readonly Column<Rows[K]>[]}

const yes = (value: boolean): string => (value ? 'yes' : 'no')
const or = (value: string | number | null): string => (value === null ? '-' : String(value))
const IN_FORCE = {open: 'all', closed: 'no packets', withdrawn: 'documents', forgotten: 'nothing'} as const
/** Of a refused document whose order could not be read: before all others. */
const orderText = (order: number | null): string => (order === FIRST_ORDER ? 'first' : or(order))
const list = (values: readonly string[]): string => (values.length === 0 ? '-' : values.join(','))
const labels = (values: Readonly<Record<string, string>>): string =>
  list(Object.entries(values).map(([key, value]) => `${key}=${value}`))

const milliseconds = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? '-' : `${ms.toPrecision(ms < 100 ? 2 : 3)} ms`
const percent = (ratio: number | null | undefined): string =>
  ratio === null || ratio === undefined ? '-' : `${Math.round(ratio * 1000) / 10} %`

/** `ipip,fou`; `-` where neither does, or they are not tried. */
const formsText = (forms: Rows['tunnels']['forms']): string =>
  list((['ipip', 'fou'] as const).filter((form) => forms?.[form]))

/** The columns of every kind; times become ages at `nowMs`. */
export function columnsAt(nowMs: number): Columns {
  return {
    tunnels: [
      {title: 'NAME', value: ({name}) => name},
      {title: 'SITE', value: ({site}) => site, wide: true},
      {title: 'GATEWAY', value: ({gateway}) => gateway, wide: true},
      {title: 'ENCAPSULATION', value: ({encapsulation}) => encapsulation},
      {title: 'DEVICE', value: ({device}) => device},
      {title: 'STATE', value: ({up}) => (up ? 'up' : 'down'), state: true},
      {title: 'LOCAL', value: ({local}) => local, wide: true},
      {title: 'PEER', value: ({peer}) => peer},
      {title: 'MTU', value: ({mtu}) => or(mtu), right: true},
      {title: 'RTT', value: ({probes}) => milliseconds(probes?.small.avgMs), right: true, moves: true},
      {
        title: 'JITTER',
        value: ({probes}) => milliseconds(probes?.small.jitterMs),
        right: true,
        wide: true,
        moves: true,
      },
      {title: 'LOSS', value: ({probes}) => percent(probes?.small.lossRatio), right: true, moves: true},
      {title: 'FULL RTT', value: ({probes}) => milliseconds(probes?.full.avgMs), right: true, wide: true, moves: true},
      {title: 'FULL LOSS', value: ({probes}) => percent(probes?.full.lossRatio), right: true, wide: true, moves: true},
      {title: 'PASSES', value: ({forms}) => formsText(forms), wide: true},
      {title: 'RECEIVED', value: ({rxBytes}) => formatBytes(rxBytes), right: true, moves: true},
      {title: 'SENT', value: ({txBytes}) => formatBytes(txBytes), right: true, moves: true},
      {title: 'ERRORS', value: ({errors}) => String(errors), right: true},
    ],
    sessions: [
      {title: 'NAME', value: ({name}) => name},
      {title: 'PROTOCOL', value: ({protocol}) => protocol},
      {title: 'WITH', value: ({kind}) => kind},
      {title: 'NEIGHBOR', value: ({neighbor}) => neighbor},
      {title: 'AS', value: ({as}) => or(as), right: true},
      {title: 'STATE', value: ({state}) => state, state: true},
      {title: 'SINCE', value: ({since}) => (since === null ? '-' : ageOf(since, nowMs)), right: true, moves: true},
      {title: 'IMPORTED', value: ({imported}) => or(imported), right: true},
      {title: 'EXPORTED', value: ({exported}) => or(exported), right: true},
      {title: 'LAST ERROR', value: ({lastError}) => or(lastError), wide: true},
    ],
    peers: [
      {title: 'NAME', value: ({name}) => name},
      {title: 'WITH', value: ({kind}) => kind},
      {title: 'ADDRESS', value: ({address}) => address},
      {title: 'AS', value: ({as}) => or(as), right: true},
      {title: 'STATE', value: ({state}) => state, state: true},
      {title: 'BFD', value: ({bfd}) => (bfd === null ? '-' : bfd ? 'up' : 'down'), state: true},
      {title: 'SINCE', value: ({since}) => (since === null ? '-' : ageOf(since, nowMs)), right: true, moves: true},
      {title: 'RECEIVED', value: ({received}) => String(received), right: true},
      {title: 'ACCEPTED', value: ({accepted}) => String(accepted), right: true},
      {title: 'FILTERED', value: ({filtered}) => String(filtered), right: true},
      {title: 'EXPORTED', value: ({exported}) => String(exported), right: true},
      {
        title: 'LIMIT',
        value: ({limit, overLimit}) => (overLimit ? `${or(limit)} (over)` : or(limit)),
        right: true,
        wide: true,
      },
      {title: 'SESSION', value: ({session}) => session, wide: true},
      {title: 'LAST ERROR', value: ({lastError}) => or(lastError), wide: true},
    ],
    routes: [
      {title: 'PREFIX', value: ({name}) => name},
      {title: 'USED', value: ({best, refusedByKernel}) => (refusedByKernel ? 'not by the kernel' : best ? 'yes' : '-')},
      {title: 'SITE', value: ({site}) => or(site)},
      {title: 'FROM', value: ({kind, peer, protocol}) => `${kind} ${peer ?? protocol}`},
      {title: 'VIA', value: ({dest, via}) => viaText(dest, via)},
      {title: 'PREFERENCE', value: ({preference}) => String(preference), right: true},
      {title: 'AS PATH', value: ({bgp}) => (bgp === null ? '-' : bgp.path.join(' ') || '-'), wide: true},
      {title: 'LOCAL PREF', value: ({bgp}) => or(bgp?.localPref ?? null), right: true, wide: true},
      {title: 'MED', value: ({bgp}) => or(bgp?.med ?? null), right: true, wide: true},
      {title: 'COMMUNITIES', value: ({bgp}) => list(bgp?.communities ?? []), wide: true},
      {title: 'PROTOCOL', value: ({protocol}) => protocol, wide: true},
    ],
    datastores: [
      {title: 'NAME', value: ({name}) => name},
      {title: 'SITE', value: ({site}) => site},
      {title: 'CONNECTED', value: ({connected}) => yes(connected), state: true},
      {
        title: 'STATE',
        value: ({synced, restored}) => (synced ? 'synced' : restored ? 'from disk' : 'waiting'),
        state: true,
      },
      {title: 'REVISION', value: ({revision}) => String(revision), right: true, moves: true},
      {title: 'HEARD', value: ({ageSeconds}) => formatAge(ageSeconds), right: true, moves: true},
      {title: 'KEYS', value: ({keys}) => String(keys), right: true, moves: true},
      {title: 'BAD', value: ({decodeErrors}) => String(decodeErrors), right: true},
      {title: 'LAST ERROR', value: ({lastError}) => or(lastError), wide: true},
    ],
    sites: [
      {title: 'NAME', value: ({name, local}) => (local ? `${name} (here)` : name)},
      {title: 'STATE', value: ({state}) => or(state), state: true},
      {title: 'IN FORCE', value: ({presence}) => IN_FORCE[presence], wide: true, state: true},
      {
        title: 'HEARD',
        value: ({local, silentSeconds}) => (local ? '-' : formatAge(silentSeconds)),
        right: true,
        moves: true,
      },
      {
        title: 'TUNNEL',
        value: ({cutSeconds}) => (cutSeconds === null ? '-' : formatAge(cutSeconds)),
        right: true,
        wide: true,
        moves: true,
      },
      {title: 'VIA', value: ({via}) => list(via.map(({hub, up}) => (up ? hub : `${hub} (down)`))), wide: true},
      {title: 'AS', value: ({as}) => or(as), right: true},
      {title: 'PREFIXES', value: ({prefixes}) => list(prefixes)},
      {title: 'GRANTED', value: ({granted}) => list(granted), wide: true},
      {title: 'GATEWAYS', value: ({gateways}) => String(gateways), right: true},
      {title: 'PODS', value: ({pods}) => String(pods), right: true},
      {title: 'HOSTS', value: ({hosts}) => String(hosts), right: true},
      {title: 'SETS', value: ({sets}) => String(sets), right: true},
      {title: 'STATIC', value: ({staticPrefixes}) => String(staticPrefixes), right: true},
      {title: 'REFUSED', value: ({refused}) => String(refused), right: true},
    ],
    gateways: [
      {title: 'NAME', value: ({name, local}) => (local ? `${name} (this)` : name)},
      {title: 'ALIVE', value: ({alive}) => (alive === null ? '-' : alive ? 'yes' : 'no'), state: true},
      {title: 'LEADER', value: ({leader}) => (leader ? 'yes' : '-')},
      {title: 'UPLINKS', value: ({uplinks}) => list(uplinks)},
    ],
    endpoints: [
      {title: 'ADDRESS', value: ({address, site, real}) => (real ? `${address} (${site}'s ${real})` : address)},
      {title: 'SITE', value: ({site}) => site},
      {title: 'KIND', value: ({kind}) => kind},
      {title: 'NAMES', value: ({names}) => list(names)},
      {title: 'LABELS', value: (row) => labels(row.labels), wide: true},
      {title: 'SOURCE', value: ({source}) => source, wide: true},
    ],
    policies: [
      {title: 'NAME', value: ({name, staged}) => (staged ? `${name} (staged)` : name)},
      {title: 'TIER', value: ({tier}) => tier},
      {title: 'ORDER', value: ({order}) => orderText(order), right: true},
      {title: 'TYPES', value: ({types}) => list(types)},
      {title: 'RULES', value: ({rules}) => String(rules), right: true},
      {title: 'SELECTOR', value: ({selector}) => selector || 'all()'},
      {title: 'FROM', value: ({site}) => site},
      {title: 'KIND', value: ({kind}) => kind, wide: true},
      {
        title: 'FLOWS',
        value: ({staged, counts}) => or(staged ? null : counts.flows),
        wide: true,
        right: true,
        moves: true,
      },
      {
        title: 'PACKETS',
        value: ({staged, counts}) => or(staged ? null : counts.packets),
        wide: true,
        right: true,
        moves: true,
      },
      {
        title: 'DENIED',
        value: ({staged, counts}) => or(staged ? null : counts.denied),
        wide: true,
        right: true,
        moves: true,
      },
      {title: 'WOULD-ALLOW', value: ({counts}) => or(counts.wouldAllow), wide: true, right: true, moves: true},
      {title: 'WOULD-DENY', value: ({counts}) => or(counts.wouldDeny), wide: true, right: true, moves: true},
    ],
    tiers: [
      {title: 'NAME', value: ({name}) => name},
      {title: 'ORDER', value: ({order}) => orderText(order), right: true},
      {title: 'DEFAULT', value: ({defaultAction}) => defaultAction},
      {title: 'POLICIES', value: ({policies}) => String(policies), right: true},
      {title: 'DENIED AT END', value: ({endDenied}) => String(endDenied), wide: true, right: true, moves: true},
    ],
    findings: [
      {title: 'SEVERITY', value: ({severity}) => severity, state: true},
      {title: 'CODE', value: ({code}) => code},
      {title: 'WHERE', value: ({where}) => placeOf(where)},
      {title: 'WHAT', value: ({detail}) => detail},
      {title: 'REMEDY', value: ({remedy}) => or(remedy ?? null), wide: true},
    ],
    conflicts: [
      {title: 'OVER', value: ({over}) => over},
      {title: 'CODE', value: ({code}) => code},
      {title: 'BETWEEN', value: ({sides}) => sides.map(({site, says}) => `site ${site}: ${says}`).join('; ')},
      {title: 'COUNTS', value: ({sides, firstCounts}) => (firstCounts ? `site ${sides[0]?.site}` : 'neither')},
      {title: 'REMEDY', value: ({remedy}) => or(remedy)},
    ],
    nodes: [
      {title: 'NAME', value: ({name}) => name},
      {title: 'SOURCE', value: ({source}) => source},
      {title: 'ADDRESSES', value: ({addresses}) => list(addresses)},
      {title: 'SESSIONS', value: ({sessions}) => list(sessions)},
      {title: 'LABELS', value: (row) => labels(row.labels), wide: true},
    ],
    writebacks: [
      {title: 'NAME', value: ({name}) => name},
      {title: 'DATASTORE', value: ({datastore}) => datastore},
      {title: 'STATE', value: ({state}) => state, state: true},
    ],
    classes: [
      {title: 'NAME', value: ({name}) => name},
      {title: 'SITE', value: ({site}) => or(site)},
      {title: 'ADDRESSES', value: ({addresses}) => String(addresses), right: true},
      {title: 'LABELS', value: (row) => labels(row.labels)},
    ],
  }
}

/** What `get policy NAME -o wide` lists below a policy; a rule is named by its place in the stored list. */
export const RULE_COLUMNS: readonly Column<RuleCounts>[] = [
  {title: 'DIRECTION', value: ({direction}) => direction},
  {title: 'RULE', value: ({rule}) => or(rule), right: true},
  {title: 'ACTION', value: ({action}) => action},
  ...countColumns<RuleCounts>(),
]

export const CHANGE_COLUMNS: readonly Column<ChangeCounts>[] = [
  {title: 'DIRECTION', value: ({direction}) => direction},
  {title: 'WOULD', value: ({would}) => would},
  ...countColumns<ChangeCounts>(),
]

function countColumns<Row extends Counts>(): readonly Column<Row>[] {
  return [
    {title: 'FLOWS', value: ({flows}) => String(flows), right: true, moves: true},
    {title: 'PACKETS', value: ({packets}) => String(packets), right: true, moves: true},
    {title: 'BYTES', value: ({bytes}) => formatBytes(bytes), right: true},
  ]
}

function viaText(dest: Rows['routes']['dest'], via: Rows['routes']['via']): string {
  const hops = via.map(({address, device}) => (address === null ? device : `${address} ${device}`))
  return dest === 'unicast' ? list(hops) : dest
}

function placeOf({source, key, field, line, column}: Finding['where']): string {
  const at = line === undefined ? null : column === undefined ? `line ${line}` : `line ${line}:${column}`
  return [source, key, field, at].filter((part) => part !== undefined && part !== null).join(' ')
}

/** What `-o name` prints behind `KIND/`: the name by which `get KIND NAME` finds the object again. */
export function nameOf(row: Rows[Kind]): string {
  if ('name' in row) return row.name
  if ('over' in row) return row.over
  return 'address' in row ? row.address : `${row.code} ${placeOf(row.where)}`
}
