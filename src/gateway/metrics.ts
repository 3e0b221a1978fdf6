import {Counter, Gauge, type Registry} from 'prom-client'
import {VERSION} from '../api/index.ts'
import type {CounterValue} from '../apply/index.ts'
import type {Finding, Tunnel} from '../model/index.ts'
import {dropOfCounter} from '../plan/index.ts'
import {createApplyMetrics} from './apply-metrics.ts'
import {createCertificateMetrics} from './certificate-metrics.ts'
import type {Configuration} from './configuration.ts'
import {nodeNatLabels} from './node-nat.ts'
import {createPolicyMetrics} from './policy-metrics.ts'
import {createProcessMetrics} from './process-metrics.ts'
import type {Runtime} from './runtime.ts'
import {createSiteMetrics} from './site-metrics.ts'

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>

/** What only the wiring knows: policy and reconciliation. `observe` is called at scrape time; the rest as it happens. */
export function createGatewayMetrics(register: Registry) {
  const registers = [register]
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({name: `isthmus_${name}`, help, labelNames, registers})
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({name: `isthmus_${name}_total`, help, labelNames, registers})

  const build = gauge('build_info', 'Always 1; the labels say which build runs.', ['version'])
  const ready = gauge('ready', 'Whether the first pass is done, so that the kernel holds what this run planned.')
  const endpoints = gauge('policy_endpoints', 'Addresses of pods and hosts that policy knows.')
  const classes = gauge('policy_classes', 'Classes of addresses that no active policy can tell apart.')
  const verdicts = gauge('policy_verdict_entries', 'Class pairs with a verdict chain of their own.')
  const chains = gauge('policy_chains', 'Distinct verdict chains.')
  const policies = gauge('policy_policies', 'Global policies in force.')
  const refused = gauge('policy_refused', 'Endpoints, prefixes and set nets that ownership refused.', ['peer'])
  const generation = gauge('policy_generation', 'Number that flows judged by the current policy bear.')
  const drops = counter(
    'dropped_packets',
    'Packets dropped, by reason, direction, refusing or other site, and tunnel.',
    ['reason', 'direction', 'peer', 'tunnel'],
  )
  const nodeNat = counter(
    'node_nat_packets',
    'Packets to remote prefixes with the address of a node whose Calico hides pods, by node.',
    ['source', 'node'],
  )
  const refusedDocuments = gauge(
    'policy_refused_documents',
    'Records that policy is made of and that are refused, by what is in force: last-good, denies, absent.',
    ['in_force'],
  )
  const configVersion = gauge(
    'config_version',
    'Version of the configuration in force, as `isthmus config history` has it.',
  )
  const findings = gauge('findings', 'Findings that stand, by code.', ['code'])
  const passes = counter('reconcile_passes', 'Reconcile passes.')
  const errors = counter('reconcile_errors', 'Steps that failed and parts that could not be read.')
  const seconds = counter('reconcile_duration_seconds', 'Time spent in reconcile passes.')
  const duration = gauge('reconcile_last_duration_seconds', 'Duration of the last reconcile pass.')
  const success = gauge('reconcile_last_success_timestamp_seconds', 'When the last pass left nothing undone; 0: never.')
  const dirty = gauge('reconcile_dirty', 'Whether the last pass left something undone.')

  const draining = gauge('draining', 'Whether others are asked to use another way than this gateway: 1 or 0.')
  const twin = gauge('twin_alive', "Whether the site's other gateway keeps its lease in etcd; only where one is named.")
  const leads = gauge('leader', 'Whether this gateway writes the export of its site: 1 or 0.')
  const leaseAge = gauge('lease_age_seconds', 'Seconds since etcd last confirmed the lease of this gateway.')
  const transactions = counter('export_transactions', 'Transactions that wrote to the export.')

  const policyMetrics = createPolicyMetrics(register)
  const certificateMetrics = createCertificateMetrics(register)
  const siteMetrics = createSiteMetrics(register)
  const ofProcess = createProcessMetrics(register)
  const applied = createApplyMetrics(register, () => performance.now())

  const total = (metric: Counter, value: number): void => {
    metric.reset()
    metric.inc(value)
  }

  return {
    applied,
    ofProcess,
    observe(
      runtime: Runtime,
      configuration: Pick<Configuration, 'findings' | 'control'>,
      counters: ReadonlyMap<string, CounterValue>,
      currentGeneration: number | null,
    ): void {
      const last = runtime.last()
      const world = runtime.world()
      const statistics = runtime.compiled()?.statistics
      build.set({version: VERSION}, 1)
      ready.set(last !== null && !last.held ? 1 : 0)
      endpoints.set(statistics?.endpoints ?? 0)
      classes.set(statistics?.classes ?? 0)
      verdicts.set(statistics?.verdictEntries ?? 0)
      chains.set(statistics?.chains ?? 0)
      policies.set(world.policies.policies.length)
      generation.set(currentGeneration ?? 0)
      refused.reset()
      for (const site of world.sites.keys()) refused.set({peer: site}, world.refused.get(site) ?? 0)
      policyMetrics.observe(runtime.counts)
      certificateMetrics.observe(runtime.certificates.expiries())
      siteMetrics.observe(runtime.siteWatch.standings())
      drops.reset()
      const tunnels = new Map(last?.planned?.desired.tunnels.map((tunnel) => [tunnel.device, tunnel]))
      nodeNat.reset()
      for (const [name, {packets}] of counters) {
        const ofNode = nodeNatLabels(name)
        if (ofNode) nodeNat.inc(ofNode, packets)
        else drops.inc(dropLabels(name, tunnels), packets)
      }
      findings.reset()
      for (const {code} of [...configuration.findings(), ...runtime.findings()]) findings.inc({code})
      configVersion.set(configuration.control.inForce().version)
      for (const [inForce, count] of refusedByForce(runtime.findings()))
        refusedDocuments.set({in_force: inForce}, count)
      draining.set(runtime.drain.since() === null ? 0 : 1)
      const named = runtime.config.twin
      if (named === null) twin.remove()
      else twin.set(runtime.publishing.living().has(named) ? 1 : 0)
      const leadership = runtime.publishing.leadership()
      leads.set(leadership.leads ? 1 : 0)
      if (leadership.leaseAgeSeconds === null) leaseAge.remove()
      else leaseAge.set(leadership.leaseAgeSeconds)
      total(transactions, runtime.publishing.transactions())
      total(passes, runtime.totals.passes)
      total(errors, runtime.totals.errors)
      total(seconds, runtime.totals.secondsSum)
      duration.set((last?.durationMs ?? 0) / 1000)
      success.set((runtime.totals.lastSuccessMs ?? 0) / 1000)
      dirty.set(last?.dirty === false && !runtime.lastPublish()?.failures.length ? 0 : 1)
    },
  }
}

/** How many refused records have what in force; each is always there, so that an alert can ask for more than 0. */
export function refusedByForce(findings: readonly Finding[]): ReadonlyMap<string, number> {
  return new Map(
    ['last-good', 'denies', 'absent'].map((inForce) => [
      inForce,
      findings.filter(({code}) => code === `refused-${inForce}`).length,
    ]),
  )
}

/** `deny_egress_SITE` of the compiler, or one of the ruleset's own reasons. */
export function dropLabels(
  counter: string,
  tunnels: ReadonlyMap<string, Pick<Tunnel, 'id' | 'site'>>,
): {reason: string; direction: string; peer: string; tunnel: string} {
  const [, direction, site] = /^deny_(egress|ingress)_(.+)$/.exec(counter) ?? []
  if (direction && site) return {reason: 'policy', direction, peer: site, tunnel: ''}
  const {reason, device} = dropOfCounter(counter) ?? {reason: counter.replace(/^deny_/, ''), device: null}
  const tunnel = device === null ? undefined : tunnels.get(device)
  return {reason, direction: '', peer: tunnel?.site ?? '', tunnel: tunnel?.id ?? ''}
}
