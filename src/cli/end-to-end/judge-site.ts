import type {Rows} from '../../api/client.ts'
import {type AllowedWays, compareRoutes, type KernelRoute} from '../../diagnose/index.ts'
import {prefixContains} from '../../net/index.ts'
import type {EchoAnswer} from '../../probe/index.ts'
import type {Proof} from './proof.ts'

/** What was seen of one remote site. */
export interface SiteFacts {
  readonly site: string
  readonly row: Rows['sites'] | null
  readonly source: Rows['datastores'] | null
  /** null: the pair has no tunnels by configuration. */
  readonly tunnels: readonly TunnelFacts[] | null
  readonly ways: AllowedWays
  readonly kernel: Facts<{readonly routes: readonly KernelRoute[]; readonly looked: readonly RouteLook[]}>
  readonly policy: Facts<readonly FlowLook[]>
}

/** What was seen, or why nothing was. */
export type Facts<T> = {readonly seen: T} | {readonly why: string}

export interface TunnelFacts {
  readonly tunnel: Rows['tunnels']
  readonly peers: readonly Rows['peers'][]
  readonly small: EchoAnswer
  /** A packet as large as the device takes, not to be fragmented, is answered; null: the device has no MTU. */
  readonly full: boolean | null
}

/** `ip route get` for one endpoint; no device: it is unreachable. */
export interface RouteLook {
  readonly address: string
  readonly device: string | null
  readonly source: string | null
}

/** One flow as the daemon judges it, and as the kernel's maps and chains do; null: neither allowed nor denied. */
export interface FlowLook {
  readonly flow: string
  /** `closed`: the gateway lets nothing through to or from the site, whatever policy says. */
  readonly daemon: 'allow' | 'deny' | 'closed'
  readonly kernel: 'allow' | 'deny' | null
  /** The chain that decides in the kernel. */
  readonly chain: string
  /** What `policy trace` is asked with. */
  readonly trace: string
}

/** Every check of one remote site. Pure. */
export function judgeSite(facts: SiteFacts): Proof[] {
  return [judgeDatastore(facts), ...judgeTunnels(facts), judgeRoutes(facts), judgeLeaks(facts), judgePolicy(facts)]
}

function judgeDatastore({site, row, source}: SiteFacts): Proof {
  const next = `isthmus diagnose datastore ${site}`
  const proof = {site, check: 'datastore', next}
  if (!row || !source) return {...proof, result: 'failed', evidence: ['this gateway has not heard of it']}
  const {connected, synced, restored, revision, keys, ageSeconds, lastError} = source
  const ok = connected && synced && !restored && row.state === 'fresh' && row.presence === 'open'
  const heard = ageSeconds === null ? 'never heard of' : `heard of ${ageSeconds} s ago`
  const words = [
    ...[`revision ${revision}, ${keys} keys`, heard, `knowledge ${row.state}, in force ${row.presence}`],
    ...(connected ? [] : ['not connected']),
    ...(restored ? ['what is in force came from disk'] : synced ? [] : ['not read yet']),
    ...(!ok && lastError !== null ? [lastError] : []),
  ]
  return {...proof, result: ok ? 'ok' : 'failed', evidence: [words.join(', ')]}
}

function judgeTunnels({site, tunnels}: SiteFacts): Proof[] {
  if (tunnels === null) {
    const evidence = ['the pair has no tunnels by configuration (encapsulation: none)']
    return [{site, check: 'tunnels', result: 'skipped', evidence, next: null}]
  }
  if (tunnels.length === 0) {
    const evidence = ['there is no tunnel on the way to it']
    return [{site, check: 'tunnels', result: 'failed', evidence, next: 'isthmus get findings'}]
  }
  return tunnels.flatMap((facts) => [judgeTunnel(site, facts), judgeSession(site, facts)])
}

function judgeTunnel(site: string, {tunnel, small, full}: TunnelFacts): Proof {
  const {name, encapsulation, device, mtu, up} = tunnel
  const answers = small.received > 0
  const why = small.problem ?? (small.told ? `${small.told.words} from ${small.told.by}` : 'no answer')
  const evidence = [
    `${encapsulation} on ${device}: ${up ? 'up' : 'down'}`,
    answers ? `a small packet is answered in ${small.avgMs} ms` : `a small packet is not: ${why}`,
    full === null ? 'the device has no MTU' : `one of ${mtu} bytes, whole, is ${full ? '' : 'not '}answered`,
  ]
  const next = answers && full === false ? `isthmus mtu ${tunnel.site}` : `isthmus describe tunnel '${name}'`
  const result = up && answers && full === true ? 'ok' : 'failed'
  return {site, check: `tunnel ${name}`, result, evidence: [evidence.join(', ')], next}
}

function judgeSession(site: string, {tunnel, peers}: TunnelFacts): Proof {
  const words = peers.map(({session, state, bfd, accepted, lastError}) => {
    const bfdWord = bfd === null ? 'without BFD' : bfd ? 'BFD up' : 'BFD down'
    return `${session} ${state}, ${bfdWord}, ${accepted} prefixes accepted${lastError === null ? '' : `, ${lastError}`}`
  })
  const ok = peers.length > 0 && peers.every(({up, bfd}) => up && bfd !== false)
  return {
    ...{site, check: `session ${tunnel.name}`, result: ok ? 'ok' : 'failed'},
    evidence: words.length > 0 ? words : ['BIRD has no session over it'],
    next: `isthmus describe tunnel '${tunnel.name}'`,
  }
}

function judgeRoutes({site, ways, kernel}: SiteFacts): Proof {
  const proof = {site, check: 'routes'}
  if ('why' in kernel) return {...proof, result: 'unknown', evidence: [kernel.why], next: 'run it as root'}
  const {routes, looked} = kernel.seen
  const {prefixes, devices} = ways
  const leading = routes.filter(
    (route) => route.devices.length > 0 && prefixes.some((prefix) => prefixContains(prefix, route.prefix)),
  )
  const wrong = looked.filter(({device, source}) => device === null || source === null || !devices.includes(device))
  const told = (look: RouteLook): string =>
    look.device === null
      ? `${look.address} is unreachable`
      : `${look.address} goes out by ${look.device} from ${look.source ?? 'no address'}`
  const evidence = [
    `${leading.length} routes in the kernel for ${prefixes.join(', ')}`,
    ...(wrong.length > 0 ? wrong : looked.slice(0, 1)).map(told),
    ...(wrong.length > 0 ? [`planned: by ${devices.join(' or ')}`] : []),
  ]
  const next = `isthmus get routes --why-not ${wrong[0]?.address ?? prefixes[0]}`
  return {...proof, result: leading.length > 0 && wrong.length === 0 ? 'ok' : 'failed', evidence, next}
}

function judgeLeaks({site, ways, kernel}: SiteFacts): Proof {
  const proof = {site, check: 'no way around'}
  if ('why' in kernel) return {...proof, result: 'unknown', evidence: [kernel.why], next: 'run it as root'}
  const {differences} = compareRoutes(kernel.seen.routes, [ways], [])
  const evidence =
    differences.length === 0
      ? [`${ways.prefixes.join(', ')}: by its own devices, or refused`]
      : differences.map((one) => `${one.where}: ${one.kernel}; planned: ${one.wanted}`)
  const next = 'isthmus status, for what is left undone; isthmus diagnose --consistency'
  return {...proof, result: differences.length === 0 ? 'ok' : 'failed', evidence, next}
}

/** Of flows that are judged otherwise so many are told. */
const MOST_FLOWS = 5

function judgePolicy({site, policy}: SiteFacts): Proof {
  const proof = {site, check: 'policy'}
  if ('why' in policy) return {...proof, result: 'unknown', evidence: [policy.why], next: 'run it as root'}
  const asked = policy.seen.filter(({daemon}) => daemon !== 'closed')
  if (asked.length === 0) {
    const closed = policy.seen.length > 0
    const why = closed ? 'the site is closed at this gateway' : 'no endpoint of it, or none of ours, is known'
    return {...proof, result: 'skipped', evidence: [why], next: closed ? 'isthmus get sites' : null}
  }
  const wrong = asked.filter(({daemon, kernel}) => daemon !== kernel)
  const allowed = asked.filter(({daemon}) => daemon === 'allow').length
  if (wrong.length === 0) {
    const evidence = [`${asked.length} flows are judged alike by daemon and kernel, ${allowed} of them allowed`]
    return {...proof, result: 'ok', evidence, next: null}
  }
  const told = wrong.slice(0, MOST_FLOWS).map(({flow, daemon, kernel, chain}) => {
    return `${flow}: the daemon says ${daemon}, the kernel ${kernel ?? 'neither'} (chain ${chain})`
  })
  const evidence = [`${wrong.length} of ${asked.length} flows are judged otherwise in the kernel`, ...told]
  return {...proof, result: 'failed', evidence, next: `isthmus diagnose --consistency; ${wrong[0]!.trace}`}
}
