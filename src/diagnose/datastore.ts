import type {DatastoreFacts, EndpointWalk, EtcdPermission, EtcdWalk, Finding, FindingCode} from '../model/index.ts'
import {judgeTlsFiles} from './certificates.ts'
import {judgePassword} from './password.ts'
import {judgePresented} from './presented.ts'
import type {CheckReport} from './report.ts'

/** The way to each datastore, endpoint by endpoint: how far it goes, and what ends it. */
export function judgeDatastores(check: string, all: readonly DatastoreFacts[], nowMs: number): CheckReport {
  const judged = all.map((facts) => judgeDatastore(facts, nowMs))
  return {
    check,
    evidence: judged.flatMap(({evidence}) => evidence),
    findings: judged.flatMap(({findings}) => findings),
    unreachable: null,
  }
}

function judgeDatastore({source, user, tls, password, walks}: DatastoreFacts, nowMs: number) {
  const evidence: string[] = [source]
  const findings: Finding[] = tls ? judgeTlsFiles(source, tls, nowMs) : []
  if (password) findings.push(...judgePassword(source, password))
  const asked: Asked = {user, comesBy: password ? 'password' : 'certificate'}
  for (const walk of walks) {
    evidence.push(`  ${walk.endpoint}`, ...evidenceOf(walk, asked).map((line) => `    ${line}`))
    if (walk.presented && tls) findings.push(...judgePresented(source, walk.presented, tls, nowMs))
    if (walk.etcd) findings.push(...judgeEtcd(source, walk.endpoint, walk.etcd, asked))
  }
  return {evidence, findings}
}

interface Asked {
  readonly user: string | null
  readonly comesBy: 'certificate' | 'password'
}

const STAGES = ['name', 'tcp', 'tls', 'certificate', 'client'] as const

/** A line a step: `ok` with what was seen, `!!` where it ended. Steps behind the end are left out. */
function evidenceOf({endpoint, presented, etcd}: EndpointWalk, {user, comesBy}: Asked): string[] {
  const lines: string[] = []
  if (presented) {
    const {stage, fault, addresses, protocol, certificates} = presented
    const [leaf] = certificates
    const seen: Readonly<Record<(typeof STAGES)[number], string>> = {
      name: `name         ${new URL(endpoint).hostname} is ${addresses.join(', ')}`,
      tcp: 'tcp          connected',
      tls: `tls          ${protocol ?? ''}`,
      certificate: `certificate  ${leaf?.subject}, by ${leaf?.issuer}, until ${leaf?.notAfter}, for ${leaf?.hosts.join(', ')}`,
      client: `client       ${comesBy === 'password' ? 'accepted' : `our certificate is accepted${user ? ` (CN ${user})` : ''}`}`,
    }
    for (const one of STAGES) {
      if (one !== stage) {
        lines.push(`ok ${seen[one]}`)
        continue
      }
      lines.push(`!! ${one.padEnd(12)} ${fault?.detail ?? 'ended here'}`)
      return lines
    }
  }
  if (!etcd) return lines
  const line = (step: string, one: {readonly ok: boolean}, text: string): number =>
    lines.push(`${one.ok ? 'ok' : '!!'} ${step.padEnd(12)} ${text}`)
  const words = <T>(one: {ok: true; value: T} | {ok: false; detail: string}, text: (value: T) => string): string =>
    one.ok ? text(one.value) : one.detail
  line(
    'etcd',
    etcd.status,
    words(etcd.status, ({version, hasLeader}) => `${version}, ${hasLeader ? 'has' : 'no'} leader`),
  )
  if (etcd.asks?.ok === true && !etcd.asks.value) lines.push('!! user         it asks nobody who he is')
  if (etcd.user) {
    const text = words(
      etcd.user,
      ({roles, permissions}) => `${user}: ${roles.join(', ')}; ${permissions.map(nameOf).join(', ')}`,
    )
    line('user', etcd.user, text)
  }
  for (const {prefix, found} of etcd.ranges) {
    line('range', found, `${prefix}: ${words(found, ({keys, revision}) => `${keys} keys at revision ${revision}`)}`)
  }
  for (const {prefix, opened} of etcd.watches) line('watch', opened, `${prefix}: ${words(opened, () => 'stands')}`)
  return lines
}

const nameOf = ({type, key}: EtcdPermission): string => `${type.toLowerCase()} ${key}`

function judgeEtcd(source: string, endpoint: string, etcd: EtcdWalk, {user, comesBy}: Asked): Finding[] {
  const findings: Finding[] = []
  const found = (code: FindingCode, detail: string, remedy: string, severity: Finding['severity'] = 'error'): void => {
    findings.push({code, severity, where: {source, field: endpoint}, detail, remedy})
  }
  const {status} = etcd
  if (!status.ok) {
    found(
      'etcd-unreachable',
      `it does not answer as etcd does: ${status.detail}`,
      'is it an etcd 3, and its client port?',
    )
    return findings
  }
  if (!status.value.hasLeader) {
    found(
      'etcd-unreachable',
      'it has no leader',
      'bring back a majority of its members (`etcdctl endpoint status --cluster`)',
    )
  }
  const isOpen = etcd.asks?.ok === true && !etcd.asks.value
  if (isOpen && comesBy === 'password') {
    const detail = `user ${user} cannot log in: it asks nobody who he is, and whoever may call may do everything`
    found('etcd-refused', detail, '`etcdctl auth enable` there; or no `user` here, for as long as it asks nobody')
    return findings
  }
  if (isOpen) {
    const detail = 'it asks nobody who he is: whoever may call may do everything'
    found('etcd-open', detail, '`isthmus site init --endpoints …` at the site whose etcd it is', 'warning')
  }
  const unknown = etcd.user?.ok === false
  if (unknown && etcd.user && !etcd.user.ok) {
    const detail = `it does not know the user ${user} of our ${comesBy}: ${etcd.user.detail}`
    const remedy =
      comesBy === 'password'
        ? '`etcdctl user passwd`, or the password that etcd has into the file of `user.password`'
        : '`isthmus site init`, for a remote site its `isthmus site join`, makes users'
    found('etcd-refused', detail, remedy)
  }
  for (const {prefix, found: one} of etcd.ranges) {
    if (one.ok) continue
    const remedy = one.denied
      ? `user ${user ?? 'of our certificate'} needs a role with read on ${prefix}`
      : 'its own log says more'
    if (!(unknown && one.denied))
      found(one.denied ? 'etcd-refused' : 'etcd-unreachable', `range ${prefix}: ${one.detail}`, remedy)
  }
  for (const {prefix, opened} of etcd.watches) {
    if (!opened.ok) found('etcd-unreachable', `watch ${prefix}: ${opened.detail}`, 'its own log says more')
  }
  return findings
}
