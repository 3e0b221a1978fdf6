import type {Mistake} from './explain.ts'
import type {Check, Event, Scenario} from './schema.ts'

/** Linux's IFNAMSIZ, less the zero at the end. */
const DEVICE_NAME_MAX = 15

interface File {
  readonly path: readonly PropertyKey[]
  readonly file: string
}

/** The files that a scenario names. */
export function filesOf({policies, sites, steps}: Scenario): File[] {
  const ofEvent = (event: Event, path: PropertyKey[]): File[] =>
    'put' in event ? [{path: [...path, 'put', 'resource'], file: event.put.resource}] : []
  return [
    ...policies.map((file, index) => ({path: ['policies', index], file})),
    ...Object.entries(sites).flatMap(([site, {datastores}]) =>
      Object.entries(datastores).flatMap(([name, {resources}]) =>
        resources === undefined ? [] : [{path: ['sites', site, 'datastores', name, 'resources'], file: resources}],
      ),
    ),
    ...steps.flatMap((step, index) =>
      'event' in step
        ? ofEvent(step.event, ['steps', index, 'event'])
        : 'during' in step
          ? step.during.events.flatMap((event, nth) => ofEvent(event, ['steps', index, 'during', 'events', nth]))
          : [],
    ),
  ]
}

/** Names that must exist: routers, nodes, sites, and whatever steps speak of; and names that must be only once. */
export function checkReferences(scenario: Scenario): Mistake[] {
  const mistakes: Mistake[] = []
  const names = namesOf(scenario)
  const need = (known: readonly string[], name: string, what: string, path: readonly PropertyKey[]): void => {
    if (!known.includes(name))
      mistakes.push({path, message: `no ${what} ${name}; known: ${known.join(', ') || 'none'}`})
  }

  scenario.pairs.forEach(({between, via = [], encapsulation}, index) => {
    between.forEach((site, end) => void need(names.sites, site, 'site', ['pairs', index, 'between', end]))
    via.forEach((site, nth) => void need(names.sites, site, 'site', ['pairs', index, 'via', nth]))
    if ((encapsulation === undefined) === (via.length === 0)) {
      mistakes.push({path: ['pairs', index], message: '`encapsulation` or `via` expected, and not both'})
    }
  })
  need(names.sites, scenario.authority, 'site', ['authority'])
  scenario.wan.links.forEach((link, index) => {
    link.forEach((router, end) => void need(names.routers, router, 'router', ['wan', 'links', index, end]))
  })
  for (const [name, site] of Object.entries(scenario.sites)) {
    const nodes = Object.keys(site.nodes)
    for (const [gateway, {attach}] of Object.entries(site.gateways)) {
      need(names.routers, attach, 'router', ['sites', name, 'gateways', gateway, 'attach'])
    }
    for (const [pod, {node}] of Object.entries(site.pods))
      need(nodes, node, 'node', ['sites', name, 'pods', pod, 'node'])
    for (const [node, {datastore}] of Object.entries(site.nodes)) {
      const path = ['sites', name, 'nodes', node, 'datastore']
      if (datastore !== undefined) need(Object.keys(site.datastores), datastore, 'datastore', path)
    }
    site.static.forEach(({node}, index) => void need(nodes, node, 'node', ['sites', name, 'static', index, 'node']))
    for (const key of ['datastores', 'gateways'] as const) {
      if (Object.keys(site[key]).length === 0) mistakes.push({path: ['sites', name, key], message: 'one expected'})
    }
  }
  scenario.steps.forEach((step, index) => {
    if ('check' in step) namesOfCheck(step.check, ['steps', index, 'check'])
    else if ('event' in step) namesOfEvent(step.event, ['steps', index, 'event'])
    else {
      const path = ['steps', index, 'during']
      for (const kind of ['udp', 'tcp', 'refused'] as const) {
        const ends = step.during.traffic[kind]
        if (ends) namesOfEnds(ends, [...path, 'traffic', kind])
      }
      step.during.events.forEach((event, nth) => void namesOfEvent(event, [...path, 'events', nth]))
    }
  })
  return [...mistakes, ...clashes(scenario)]

  function namesOfEnds(ends: {from: string; to: string}, path: readonly PropertyKey[]): void {
    need(names.pods, ends.from, 'pod', [...path, 'from'])
    if (ends.to.includes('/')) need(names.pods, ends.to, 'pod', [...path, 'to'])
  }

  function namesOfCheck(check: Check, path: readonly PropertyKey[]): void {
    if ('ping' in check) namesOfEnds(check.ping, [...path, 'ping'])
    else if ('tcp' in check) namesOfEnds(check.tcp, [...path, 'tcp'])
    else if ('capture' in check) {
      need(names.places, check.capture.on, 'place', [...path, 'capture', 'on'])
      namesOfEnds(check.capture.while, [...path, 'capture', 'while'])
    } else if ('routes' in check) need(names.places, check.routes.of, 'place', [...path, 'routes', 'of'])
    else if ('exec' in check) need(names.places, check.exec.in, 'place', [...path, 'exec', 'in'])
    else if ('metric' in check) need(names.gateways, check.metric.gateway, 'gateway', [...path, 'metric', 'gateway'])
    else if ('counts' in check) need(names.gateways, check.counts.gateway, 'gateway', [...path, 'counts', 'gateway'])
    else if ('status' in check) need(names.gateways, check.status.gateway, 'gateway', [...path, 'status', 'gateway'])
    else if ('consistent' in check) {
      const {gateway} = check.consistent
      if (gateway !== 'all') need(names.gateways, gateway, 'gateway', [...path, 'consistent', 'gateway'])
    } else if (check.allow !== 'all') {
      check.allow.forEach((pair, index) => {
        pair.forEach((pod, end) => void need(names.pods, pod, 'pod', [...path, 'allow', index, end]))
      })
    }
  }

  function namesOfEvent(event: Event, path: readonly PropertyKey[]): void {
    const datastore = (key: string, name: string): void =>
      need(names.datastores, name, 'datastore', [...path, key, 'datastore'])
    const part = (key: string, text: string): void => {
      const [ref, name = ''] = splitPart(text)
      if (name === 'etcd') need([...names.gateways, ...names.datastores], ref, 'gateway or datastore', [...path, key])
      else if (name.startsWith('etcd')) need(names.members, text, 'member', [...path, key])
      else if (name === 'leader') need(names.datastores, ref, 'datastore', [...path, key])
      else need(names.gateways, ref, 'gateway', [...path, key])
    }
    if ('put' in event) datastore('put', event.put.datastore)
    else if ('putRaw' in event) datastore('putRaw', event.putRaw.datastore)
    else if ('delete' in event) datastore('delete', event.delete.datastore)
    else if ('kill' in event) part('kill', event.kill)
    else if ('start' in event) part('start', event.start)
    else if ('exec' in event) need(names.places, event.exec.in, 'place', [...path, 'exec', 'in'])
    else if ('until' in event) namesOfCheck(event.until, [...path, 'until'])
    else if ('cut' in event && event.cut !== 'tunnels') {
      event.cut.forEach((name, end) => void need(names.gateways, name, 'gateway', [...path, 'cut', end]))
    } else namesOfFault(event, path)
  }

  function namesOfFault(event: Event, path: readonly PropertyKey[]): void {
    if ('partition' in event) {
      need(names.gateways, event.partition.gateway, 'gateway', [...path, 'partition', 'gateway'])
      need([...names.datastores, ...names.members], event.partition.from, 'datastore', [...path, 'partition', 'from'])
    } else if ('compact' in event) need(names.datastores, event.compact, 'datastore', [...path, 'compact'])
    else if ('backup' in event) need(names.datastores, event.backup, 'datastore', [...path, 'backup'])
    else if ('restore' in event) need(names.datastores, event.restore, 'datastore', [...path, 'restore'])
    else if ('alarm' in event) need(names.datastores, event.alarm, 'datastore', [...path, 'alarm'])
    else if ('removeMember' in event) need(names.members, event.removeMember, 'member', [...path, 'removeMember'])
    else if ('addMember' in event) need(names.members, event.addMember, 'member', [...path, 'addMember'])
    else if ('clock' in event) need(names.clocks, event.clock, 'gateway with a clock', [...path, 'clock'])
    else if ('fill' in event) need(names.disks, event.fill, 'disk', [...path, 'fill'])
  }
}

/** `SITE/NAME/PART` at its last slash. */
export function splitPart(text: string): [ref: string, part: string] {
  const at = text.lastIndexOf('/')
  return [text.slice(0, at), text.slice(at + 1)]
}

function namesOf({sites, wan}: Scenario) {
  const all = Object.entries(sites)
  const refs = (key: 'pods' | 'gateways' | 'datastores'): string[] =>
    all.flatMap(([name, site]) => Object.keys(site[key]).map((own) => `${name}/${own}`))
  const routers = Object.keys(wan.routers)
  const plain = all.flatMap(([, site]) => [...Object.keys(site.gateways), ...Object.keys(site.nodes)])
  const [pods, gateways] = [refs('pods'), refs('gateways')]
  /** Where commands can run. */
  const places = [
    ...routers,
    ...plain,
    ...pods,
    ...gateways,
    ...Object.keys(sites).map((site) => `${site}.lan`),
    ...Object.entries(sites).flatMap(([site, {nodes}]) =>
      Object.values(nodes).some(({routed}) => routed) ? [`${site}.fabric`] : [],
    ),
  ]
  const members = all.flatMap(([name, {datastores}]) =>
    Object.entries(datastores).flatMap(([own, spec]) =>
      Array.from({length: spec.members}, (_, m) => `${name}/${own}/etcd${m + 1}`),
    ),
  )
  const clocks = all.flatMap(([name, site]) =>
    Object.entries(site.gateways).flatMap(([own, {clock}]) => (clock ? [`${name}/${own}`] : [])),
  )
  const disks = all.flatMap(([name, {gateways: ofSite, datastores}]) =>
    Object.entries({...ofSite, ...datastores}).flatMap(([own, {diskMiB}]) =>
      diskMiB === undefined ? [] : [`${name}/${own}`],
    ),
  )
  const datastores = refs('datastores')
  return {sites: Object.keys(sites), routers, pods, gateways, datastores, places, members, clocks, disks}
}

/** Routers, gateways, nodes and pods are namespaces of one machine; a name makes a device, too. */
function clashes({sites, wan}: Scenario): Mistake[] {
  const mistakes: Mistake[] = []
  const seen = new Map<string, string>()
  const once = (name: string, path: readonly PropertyKey[], device = name): void => {
    const other = seen.get(name)
    if (other !== undefined) mistakes.push({path, message: `${name} is already the name of ${other}`})
    else seen.set(name, path.map(String).join('.'))
    if (device.length > DEVICE_NAME_MAX) mistakes.push({path, message: `too long: its device would be ${device}`})
  }
  for (const name of Object.keys(wan.routers)) once(name, ['wan', 'routers', name], `to-${name}`)
  for (const [site, {gateways, nodes, pods, datastores}] of Object.entries(sites)) {
    for (const [index, [name, {members}]] of Object.entries(datastores).entries()) {
      // The first with one member lives in the gateway's own namespace.
      if (index === 0 && members === 1) continue
      for (let m = 1; m <= members; m++)
        once(`${site}-${name}-${m}`, ['sites', site, 'datastores', name], `e-${name}-${m}`)
    }
    for (const name of Object.keys(gateways)) once(name, ['sites', site, 'gateways', name], `to-${name}`)
    for (const name of Object.keys(nodes)) once(name, ['sites', site, 'nodes', name], `p-${name}`)
    for (const [name, {address}] of Object.entries(pods)) {
      once(`${site}-${name}`, ['sites', site, 'pods', name], `cali${site}${name}`)
      once(address, ['sites', site, 'pods', name, 'address'])
    }
  }
  return mistakes
}
