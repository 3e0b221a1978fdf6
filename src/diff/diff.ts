import {
  type Actual,
  type ActualWireguard,
  type BirdStep,
  type Desired,
  type FouPort,
  type FouStep,
  fouPortText,
  type NetlinkStep,
  type NodeStep,
  type SiteName,
  type StepKey,
  type SysctlStep,
  stepKey,
  sysctlHolds,
  sysctlKey,
  type WireguardSpec,
  type WireguardStep,
} from '../model/index.ts'
import {diffLinks} from './diff-links.ts'
import {diffNft} from './diff-nft.ts'
import {diffQueues} from './diff-queues.ts'
import {diffRules} from './diff-rules.ts'
import {keyBy} from './keyed-delta.ts'

export interface DiffOptions {
  /** Whether what exists for this remote site may be removed: its source has been heard whole. */
  readonly mayPrune: (site: SiteName) => boolean
}

/**
 * The steps from what is to what must be, in the order in which drivers run: kernel settings and the ruleset before
 * the first device (closed before anything is open), devices before keys, all of them before BIRD speaks about them. The
 * export has a diff of its own (`diff-export.ts`): it follows what is done here, at its own pace.
 *
 * `diff(plan, plan applied)` is empty: a second pass writes nothing.
 */
export function diff(desired: Desired, actual: Actual, options: DiffOptions): NodeStep[] {
  const sysctls = diffSysctls(desired, actual)
  const ruleset = diffNft(desired.nft, actual.nft)
  // Without a table all that arrives would pass: its transaction fails whole, so any step of it speaks for all.
  const first = actual.nft === null ? ruleset.slice(0, 1).map(({key}) => key) : []
  const behindRuleset = <S extends NodeStep>(step: S): S => ({...step, needs: [...step.needs, ...first]})
  return [
    ...sysctls.filter((step) => step.needs.length === 0 && !isConntrack(step)),
    ...ruleset,
    ...sysctls.filter(isConntrack),
    ...diffFou(desired, actual),
    ...diffLinks(desired, actual, options.mayPrune).map((step) => {
      const due = afterPort(step, desired.fouPorts)
      return due.do === 'link-create' || due.do === 'link-update' ? behindRuleset(due) : due
    }),
    ...diffQueues(desired.queues, actual.queues),
    ...diffRules(desired.sourceRules, actual.sourceRules),
    ...sysctls.filter(({needs}) => needs.length > 0),
    ...diffWireguard(desired, actual),
    ...diffBird(desired, actual).map(behindRuleset),
  ]
}

/** What no notification tells of: settings, fou ports, WireGuard's peers and BIRD's file. */
type Untold = Pick<Actual, 'sysctls' | 'fouPorts' | 'wireguard' | 'bird'>

/** The steps for these alone, of all that `diff` gives. */
export const diffUntold = (desired: Desired, actual: Untold): NodeStep[] => [
  ...diffSysctls(desired, actual),
  ...diffFou(desired, actual),
  ...diffWireguard(desired, actual),
  ...diffBird(desired, actual),
]

/** Conntrack's settings exist only once a rule has asked for conntrack. */
const isConntrack = ({spec}: SysctlStep): boolean => spec.path[1] === 'netfilter'

/** A device's own settings exist only with the device: they need its step. */
function diffSysctls(desired: Desired, actual: Untold): SysctlStep[] {
  const devices = new Set(desired.links.map(({name}) => name))
  return desired.sysctls.flatMap((spec): SysctlStep[] => {
    const held = actual.sysctls.get(sysctlKey(spec))
    if (held === undefined ? spec.isLeast : sysctlHolds(spec, held)) return []
    const key = stepKey(`sysctl ${sysctlKey(spec)}`)
    const needs = spec.path.filter((part) => devices.has(part)).map((name) => stepKey(`link ${name}`))
    return [{key, needs, reason: `${held ?? 'unread'} ⇒ ${spec.value}`, driver: 'sysctl', spec}]
  })
}

const portKey = (port: FouPort): StepKey => stepKey(`fou ${fouPortText(port)}`)

/** Where the plan has a port, whoever made it is as good; only what we made is taken away. */
function diffFou(desired: Desired, actual: Untold): FouStep[] {
  const wanted = keyBy(desired.fouPorts, fouPortText)
  const held = keyBy(actual.fouPorts, fouPortText)
  const base = {needs: [], driver: 'fou'} as const
  return [
    ...actual.fouPorts
      .filter((port) => port.ours && !wanted.has(fouPortText(port)))
      .map(({local, port, protocol}): FouStep => {
        const spec = {local, port, protocol}
        const key = stepKey(`unfou ${fouPortText(spec)}`)
        return {...base, key, reason: 'no longer wanted', do: 'port-delete', port: spec}
      }),
    ...desired.fouPorts
      .filter((port) => !held.has(fouPortText(port)))
      .map((port): FouStep => ({...base, key: portKey(port), reason: 'missing', do: 'port-add', port})),
  ]
}

/** A device that sends in UDP is made where its answers can arrive; making the port loads the module for both. */
function afterPort(step: NetlinkStep, ports: readonly FouPort[]): NetlinkStep {
  if ((step.do !== 'link-create' && step.do !== 'link-update') || !('fou' in step.link)) return step
  const {local, kind} = step.link
  const isOwn = (port: FouPort): boolean => port.local === local || local === '0.0.0.0'
  const own = ports.filter((port) => isOwn(port) && port.protocol === (kind === 'sit' ? 41 : 4))
  return {...step, needs: [...step.needs, ...own.map(portKey)]}
}

/** Only what is wanted: a device that goes takes its keys and its peer along. */
function diffWireguard(desired: Desired, actual: Untold): WireguardStep[] {
  const held = keyBy(actual.wireguard, ({device}) => device)
  return desired.wireguard.flatMap((spec): WireguardStep[] => {
    const reason = wireguardChange(spec, held.get(spec.device))
    if (reason === '') return []
    const needs = [stepKey(`link ${spec.device}`)]
    return [{key: stepKey(`wireguard ${spec.device}`), needs, reason, driver: 'wireguard', spec}]
  })
}

function wireguardChange(want: WireguardSpec, have: ActualWireguard | undefined): string {
  if (!have?.publicKey) return 'no key'
  if (have.publicKey !== want.publicKey) return 'own key'
  if (have.listenPort !== want.listenPort) return `port ${have.listenPort} ⇒ ${want.listenPort}`
  const [peer, ...others] = have.peers
  if (!peer || others.length > 0 || peer.publicKey !== want.peer.publicKey) return 'peer'
  // An endpoint that the plan leaves open is learnt by the kernel: never fought (WireGuard roaming).
  const endpoint = want.peer.endpoint && formatEndpoint(want.peer.endpoint)
  const isKnown = endpoint === null || endpoint === peer.endpoint || isLearnt(want.peer, peer.endpoint)
  if (!isKnown) return `endpoint ${peer.endpoint} ⇒ ${endpoint}`
  if (want.peer.allowedIps.toSorted().join() !== peer.allowedIps.toSorted().join()) return 'allowed ips'
  if (want.peer.keepaliveSeconds !== peer.keepaliveSeconds) return 'keepalive'
  return ''
}

/** Of a peer behind a NAT: that its address is the one that is known is enough. */
const isLearnt = ({endpoint, portMayDiffer}: WireguardSpec['peer'], held: string | null): boolean =>
  portMayDiffer === true &&
  endpoint !== null &&
  held?.replace(/\d+$/, '') === formatEndpoint({...endpoint, port: 0}).slice(0, -1)

function formatEndpoint({address, port}: {address: string; port: number}): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function diffBird(desired: Desired, actual: Untold): BirdStep[] {
  if (actual.bird?.text === desired.bird && actual.bird.loaded) return []
  const reason =
    actual.bird === null ? 'no configuration' : actual.bird.text === desired.bird ? 'not loaded' : 'changed'
  return [{key: stepKey('bird configuration'), needs: [], reason, driver: 'bird', text: desired.bird}]
}
