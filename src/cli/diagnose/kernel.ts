import {existsSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {release} from 'node:os'
import {
  type KernelSettings,
  type LinkFacts,
  type RouteFacts,
  type RuleFacts,
  type Seen,
  type TableFacts,
  tableOf,
  tablesIn,
} from '../../diagnose/index.ts'
import {RULE_PROTOCOL} from '../../model/index.ts'
import {look, tool} from './look.ts'

const SETTINGS = [
  'net/ipv4/ip_forward',
  'net/ipv6/conf/all/forwarding',
  'net/ipv4/conf/all/rp_filter',
  'net/ipv4/conf/all/send_redirects',
  'net/ipv4/fib_multipath_hash_policy',
  'net/netfilter/nf_conntrack_tcp_loose',
]

/** `devices`: those whose own reverse path filter counts. */
export async function readSettings(devices: readonly string[], modules: readonly string[]): Promise<KernelSettings> {
  const paths = [...SETTINGS, ...devices.map((device) => `net/ipv4/conf/${device}/rp_filter`)]
  const values = paths.map(async (path) => [path, await readNumber(path)] as const)
  return {
    sysctls: new Map(await Promise.all(values)),
    modules: await look('modules', () => readModules(modules)),
    conntrack: await look('conntrack', async () => {
      const [entries, limit] = await Promise.all(
        ['count', 'max'].map((name) => readNumber(`net/netfilter/nf_conntrack_${name}`)),
      )
      if (entries == null || limit == null)
        throw new Error('the kernel tracks no connections: its module is not loaded')
      return {entries: Number(entries), limit: Number(limit)}
    }),
  }
}

const readNumber = (path: string): Promise<string | null> =>
  readFile(`/proc/sys/${path}`, 'utf8').then(
    (text) => text.trim(),
    () => null,
  )

/** Loaded or built in, or there to be loaded. A kernel without a folder of modules says nothing of what is built in. */
async function readModules(names: readonly string[]): Promise<ReadonlyMap<string, boolean>> {
  const folder = `/lib/modules/${release()}`
  const [loaded, builtIn, loadable] = await Promise.all(
    ['/proc/modules', `${folder}/modules.builtin`, `${folder}/modules.dep`].map((file) =>
      readFile(file, 'utf8').catch(() => null),
    ),
  )
  const listed = [builtIn, loadable].flatMap((text) => text?.split('\n') ?? []).map((line) => line.split(':')[0]!)
  const files = new Set(listed.map((path) => /([^/]+)\.ko(?:\.\w+)?$/.exec(path)?.[1]?.replaceAll('-', '_')))
  const running = new Set(loaded?.split('\n').map((line) => line.split(' ')[0]))
  const there = (name: string): boolean => running.has(name) || existsSync(`/sys/module/${name}`) || files.has(name)
  const known = names.filter((name) => there(name) || loadable !== null)
  if (known.length === 0) throw new Error(`there is no ${folder}: what is built into this kernel cannot be seen`)
  return new Map(known.map((name) => [name, there(name)]))
}

type Json = Readonly<Record<string, unknown>>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

function listOf(text: string): Json[] {
  const value: unknown = text.trim() === '' ? [] : JSON.parse(text)
  return Array.isArray(value) ? (value as unknown[]).filter(isJson) : []
}

const inner = (value: Json, ...names: readonly string[]): Json =>
  names.reduce<Json>((at, name) => {
    const next = at[name]
    return isJson(next) ? next : {}
  }, value)

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

export const readLinks = (): Promise<Seen<readonly LinkFacts[]>> =>
  look('ip link', async (signal) =>
    listOf(await tool(signal, 'ip', '-j', '-s', '-d', 'link', 'show')).map((link): LinkFacts => {
      const data = inner(link, 'linkinfo', 'info_data')
      const {flags, ifname, ifalias, operstate, mtu} = link
      return {
        name: String(ifname),
        kind: textOf(inner(link, 'linkinfo').info_kind),
        inUdp: inner(data, 'encap').type === 'fou',
        alias: textOf(ifalias) ?? '',
        up: Array.isArray(flags) && flags.includes('UP'),
        operstate: String(operstate),
        mtu: Number(mtu),
        outerLocal: textOf(data.local ?? data.local6),
        outerRemote: textOf(data.remote ?? data.remote6),
        receivedPackets: Number(inner(link, 'stats64', 'rx').packets),
        sentPackets: Number(inner(link, 'stats64', 'tx').packets),
      }
    }),
  )

export const readAddresses = (): Promise<Seen<readonly {device: string; address: string}[]>> =>
  look('ip address', async (signal) =>
    listOf(await tool(signal, 'ip', '-j', 'address', 'show')).flatMap(({ifname, addr_info: infos}) =>
      (Array.isArray(infos) ? (infos as unknown[]).filter(isJson) : []).map(({local}) => ({
        device: String(ifname),
        address: String(local),
      })),
    ),
  )

export const readRoutes = (): Promise<Seen<readonly RouteFacts[]>> =>
  look('ip route', async (signal) => {
    const texts = await Promise.all(['-4', '-6'].map((family) => tool(signal, 'ip', family, '-j', 'route', 'show')))
    return texts.flatMap(listOf).map(({dst, dev, type, protocol, nexthops, gateway}): RouteFacts => {
      const hops = Array.isArray(nexthops) ? (nexthops as unknown[]).filter(isJson) : []
      return {
        prefix: String(dst),
        devices: [dev, ...hops.map((hop) => hop.dev)].filter((name) => typeof name === 'string'),
        ...(typeof gateway === 'string' ? {via: gateway} : {}),
        protocol: String(protocol),
        refuses: type === 'unreachable' || type === 'blackhole' || type === 'prohibit',
      }
    })
  })

export const readRules = (): Promise<Seen<readonly RuleFacts[]>> =>
  look('ip rule', async (signal) => {
    const texts = await Promise.all(['-4', '-6'].map((family) => tool(signal, 'ip', family, '-j', 'rule', 'show')))
    return texts.flatMap(listOf).map(({priority, table, action, ...conditions}): RuleFacts => {
      const target = String(table ?? action)
      const words = Object.entries(conditions).map(([name, value]) => `${name} ${String(value ?? '')}`.trim())
      const own = String(conditions.protocol) === String(RULE_PROTOCOL) ? {ours: true as const} : {}
      return {priority: Number(priority), table: target, text: `${priority}: ${words.join(' ')} ${target}`, ...own}
    })
  })

/** By netlink, since /proc shows the limit in the first network namespace only. */
export const readNeighbours = (): Promise<Seen<{entries: number; limit: number}>> =>
  look('ip neigh', async (signal) => {
    const [entries, tables] = await Promise.all([
      tool(signal, 'ip', '-4', '-j', 'neigh', 'show', 'nud', 'all'),
      tool(signal, 'ip', '-j', 'ntable', 'show', 'name', 'arp_cache'),
    ])
    const limit = listOf(tables).find(({thresh3}) => typeof thresh3 === 'number')?.thresh3
    if (typeof limit !== 'number') throw new Error('the kernel does not say how many there may be')
    return {entries: listOf(entries).length, limit}
  })

/** Of our own table only that it is there: it may have a million elements. */
export const readTables = (): Promise<Seen<readonly TableFacts[]>> =>
  look('nft', async (signal) => {
    const tables = tablesIn(await tool(signal, 'nft', '-j', 'list', 'tables'))
    if (tables === null) throw new Error('nft does not answer in JSON')
    const listed = tables.map(async ({family, name}) => {
      const isOurs = family === 'inet' && name === 'isthmus'
      return tableOf(
        {family, name},
        isOurs ? null : await tool(signal, 'nft', '-j', '-t', 'list', 'table', family, name),
      )
    })
    return Promise.all(listed)
  })

const COUNTED = {
  passwordFaults: ['TCPMD5NotFound', 'TCPMD5Unexpected', 'TCPMD5Failure'],
  ttlFaults: ['TCPMinTTLDrop'],
} as const

/** /proc/net/netstat: a line of names, a line of values. */
export const readTcpCounters = (): Promise<Seen<Record<keyof typeof COUNTED, number>>> =>
  look('/proc/net/netstat', async () => {
    const lines = (await readFile('/proc/net/netstat', 'utf8')).split('\n').filter((line) => line.startsWith('TcpExt:'))
    const [names = [], values = []] = lines.map((line) => line.split(' '))
    const sum = (wanted: readonly string[]): number =>
      wanted.reduce((total, name) => total + Number(values[names.indexOf(name)] ?? 0), 0)
    return {passwordFaults: sum(COUNTED.passwordFaults), ttlFaults: sum(COUNTED.ttlFaults)}
  })
