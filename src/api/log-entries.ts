import type {Finding} from '../model/index.ts'
import type {LogCode, LogEntry, Watched} from './live-view.ts'

type Said = Omit<LogEntry, 'at' | 'id'>
type Severity = LogEntry['severity']

/** A flood (a datastore of bad records) is told by its first ones and its size. */
const MOST_AT_ONCE = 100

/** What is worth knowing of the way from one look at the gateway to the next. */
export function logEntries(before: Watched, now: Watched): Said[] {
  return [
    ...configEntries(before, now),
    ...tunnelEntries(before, now),
    ...sessionEntries(before, now),
    ...datastoreEntries(before, now),
    ...siteEntries(before, now),
    ...few('policies', policyEntries(before, now)),
    ...few('findings', findingEntries(before.findings, now.findings)),
    ...drainEntries(before, now),
    ...leaderEntries(before, now),
  ]
}

const say = (code: LogCode, severity: Severity, object: string, what: string): Said => ({code, severity, what, object})

function few(object: string, entries: readonly Said[]): Said[] {
  const left = entries.length - MOST_AT_ONCE
  if (left <= 0) return [...entries]
  const what = `${left} more changes of ${object} at this moment`
  return [...entries.slice(0, MOST_AT_ONCE), say('left-out', 'info', object, what)]
}

/** Each thing of both looks by its name; undefined on the side where it is not. */
function* pairs<T extends {readonly name: string}>(
  before: readonly T[],
  now: readonly T[],
): Generator<[before: T | undefined, now: T | undefined]> {
  const earlier = new Map(before.map((one) => [one.name, one]))
  for (const one of now) {
    yield [earlier.get(one.name), one]
    earlier.delete(one.name)
  }
  for (const one of earlier.values()) yield [one, undefined]
}

function* tunnelEntries(before: Watched, now: Watched): Generator<Said> {
  for (const [was, is] of pairs(before.tunnels, now.tunnels)) {
    if (!is) yield say('tunnel-removed', 'info', was!.name, 'tunnel is wanted no more')
    else if (!was) yield say('tunnel-added', 'info', is.name, `tunnel is new${is.up ? ' and up' : ''}`)
    else if (is.up && !was.up) yield say('tunnel-up', 'info', is.name, 'tunnel is up')
    else if (was.up && !is.up) yield say('tunnel-down', 'error', is.name, 'tunnel is down')
  }
}

function* sessionEntries(before: Watched, now: Watched): Generator<Said> {
  for (const [was, is] of pairs(before.sessions, now.sessions)) {
    const why = is?.lastError ? `: ${is.lastError}` : ''
    if (is?.up && !was?.up) yield say('session-up', 'info', is.name, 'session is up')
    else if (was?.up && !is?.up) yield say('session-down', 'error', was.name, `session is down${why}`)
  }
}

function* datastoreEntries(before: Watched, now: Watched): Generator<Said> {
  for (const [was, is] of pairs(before.datastores, now.datastores)) {
    const why = is?.lastError ? `: ${is.lastError}` : ''
    if (is?.connected && !was?.connected) yield say('datastore-back', 'info', is.name, 'datastore answers')
    else if (was?.connected && is && !is.connected) {
      yield say('datastore-lost', 'error', is.name, `datastore does not answer${why}`)
    }
  }
}

const BAD_STATES: ReadonlySet<string> = new Set(['stale', 'withdrawn', 'forgotten'])

function* siteEntries(before: Watched, now: Watched): Generator<Said> {
  for (const [was, is] of pairs(before.sites, now.sites)) {
    if (!is) yield say('site-state', 'info', was!.name, 'site is configured no more')
    else if (!was || was.state === is.state) continue
    else {
      const severity = BAD_STATES.has(is.state ?? '') ? 'error' : is.state === 'suspect' ? 'warning' : 'info'
      yield say('site-state', severity, is.name, `site was ${was.state ?? 'not judged'} and is ${is.state ?? 'local'}`)
    }
  }
}

function* drainEntries({drainingSince: was}: Watched, {drainingSince: is}: Watched): Generator<Said> {
  if (was === null && is !== null) yield say('drain-began', 'warning', 'gateway', 'others are asked to use another way')
  else if (was !== null && is === null) yield say('drain-ended', 'info', 'gateway', 'traffic is asked for again')
}

function* leaderEntries({leader: was}: Watched, {leader: is}: Watched): Generator<Said> {
  if (was === is) return
  const what = is === null ? `${was} writes the export no more, and nobody else does` : `${is} writes the export`
  yield say('leader-changed', is === null ? 'warning' : 'info', is ?? was ?? '', what)
}

const HOW: Readonly<Record<string, LogCode>> = {'rolled back': 'config-rolled-back'}

function* configEntries({config: was}: Watched, {config: is}: Watched): Generator<Said> {
  const object = `version ${is.version}`
  if (is.version !== was.version) {
    const severity = is.how === 'rolled back' ? 'warning' : 'info'
    const until = is.pending ? ', until it is confirmed' : ''
    yield say(HOW[is.how] ?? 'config-applied', severity, object, `configuration ${is.how}${until}`)
  } else if (was.pending && !is.pending) yield say('config-confirmed', 'info', object, 'configuration confirmed')
}

/** Documents that stay are the same objects mostly; a new start makes them anew, and then they are read. */
function policyEntries(before: Watched, now: Watched): Said[] {
  if (before.policies === now.policies) return []
  const found: Said[] = []
  for (const [was, is] of pairs(before.policies, now.policies)) {
    if (!is) found.push(say('policy-removed', 'info', was!.name, 'policy document is gone'))
    else if (!was) found.push(say('policy-added', 'info', is.name, 'policy document is new'))
    else if (was.document !== is.document && JSON.stringify(was.document) !== JSON.stringify(is.document)) {
      found.push(say('policy-changed', 'info', is.name, 'policy document is another'))
    }
  }
  return found
}

function findingEntries(before: readonly Finding[], now: readonly Finding[]): Said[] {
  if (before.length === now.length && before.every((finding, index) => finding === now[index])) return []
  // Those that stay are the same objects mostly; to look into tens of thousands of them would hold up the loop.
  const [earlier, later] = [new Set(before), new Set(now)]
  const byIdentity = (findings: readonly Finding[], others: ReadonlySet<Finding>): Map<string, Finding> =>
    new Map(findings.flatMap((one) => (others.has(one) ? [] : [[identityOf(one), one]])))
  const [was, is] = [byIdentity(before, later), byIdentity(now, earlier)]
  const found: Said[] = []
  for (const [identity, finding] of is) {
    if (was.has(identity)) continue
    found.push(say('finding-appeared', finding.severity, placeOf(finding), `${finding.code}: ${finding.detail}`))
  }
  for (const [identity, finding] of was) {
    if (is.has(identity)) continue
    found.push(say('finding-ended', 'info', placeOf(finding), `${finding.code}: ${finding.detail}`))
  }
  return found
}

/** Ages and counts in a sentence go on without the finding becoming another. */
const MOVING = /\b\d[\d.,]*(?= ?%| ?(?:ms|s|min|h|d|seconds?|minutes?|hours?|days?|packets?|bytes|times|in a row)\b)/g

const identityOf = ({code, where, detail, conflict}: Finding): string =>
  JSON.stringify([code, where, conflict?.over, detail.replace(MOVING, '#')])

const placeOf = ({where: {source, key, field}}: Finding): string =>
  [source, key, field].filter((part) => part !== undefined).join(' ')
