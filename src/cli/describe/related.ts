import type {GatewayStatus, Kind, Reach, Rows} from '../../api/client.ts'
import type {Finding} from '../../model/index.ts'

/** What is looked up for a description. `routes`: those that may belong to the object. */
export interface Known extends Pick<GatewayStatus, 'tunnels' | 'datastores' | 'sites' | 'policies' | 'findings'> {
  readonly here: {readonly site: string; readonly gateway: string}
  readonly gateways: readonly Rows['gateways'][]
  readonly peers: readonly Rows['peers'][]
  readonly routes: readonly Rows['routes'][]
  readonly conflicts: readonly Rows['conflicts'][]
  /** Of an endpoint's address. */
  readonly reach: Reach | null
}

/** Objects of other kinds that belong to one; a kind that is named and empty has none. */
export type Related = {readonly [K in Kind]?: readonly Rows[K][]}

export interface Description {
  /** What the columns do not say. */
  readonly fields: readonly (readonly [title: string, text: string])[]
  readonly related: Related
}

type Describing = {readonly [K in Kind]?: (row: Rows[K], known: Known) => Description}

/** Everything about one object, of any kind. */
export function describeRow<K extends Kind>(kind: K, row: Rows[K], known: Known): Description {
  const describing: ((row: Rows[K], known: Known) => Description) | undefined = DESCRIBING[kind]
  return (
    describing?.(row, known) ?? {
      fields: [],
      related: kind === 'findings' ? {} : {findings: about(known, ['name' in row ? row.name : ''])},
    }
  )
}

const DESCRIBING: Describing = {
  tunnels(tunnel, known) {
    const {site, gateway, uplink, local, peer, device, mtu, configuredMtu, name} = tunnel
    const {here} = known
    const far = farUplink(name)
    const peers = known.peers.filter((one) => one.kind === 'tunnel' && one.name === name)
    const mtuText = mtu === configuredMtu ? `${mtu}, as computed` : `${mtu} found, ${configuredMtu} computed`
    return {
      fields: [
        [
          'THIS END',
          `${here.site}/${here.gateway} ${outer(known, `${here.site}/${here.gateway}`, uplink)}, inner ${local}`,
        ],
        ['OTHER END', `${site}/${gateway} ${outer(known, `${site}/${gateway}`, far)}, inner ${peer}`],
        ['PATH MTU', mtuText],
      ],
      related: {
        peers,
        routes: known.routes.filter(({best, via}) => best && via.some((hop) => hop.device === device)),
        findings: about(known, [name, device, `${site}/${gateway}/${far}`, ...peers.map(({session}) => session)]),
      },
    }
  },
  sites: ({name}, known) => ({
    fields: [],
    related: {
      gateways: known.gateways.filter(({site}) => site === name),
      tunnels: known.tunnels.filter(({site}) => site === name),
      datastores: known.datastores.filter(({site}) => site === name),
      routes: known.routes.filter(({site, best}) => best && site === name),
      policies: known.policies.filter(({site}) => site === name),
      conflicts: known.conflicts.filter(({sides}) => sides.some(({site}) => site === name)),
      findings: about(known, [`site ${name}`, `export ${name}`, `sites.${name}`]),
    },
  }),
  gateways({name, site}, known) {
    const tunnels = known.tunnels.filter((tunnel) => `${tunnel.site}/${tunnel.gateway}` === name)
    const ids = new Set(tunnels.map((tunnel) => tunnel.name))
    return {
      fields: [],
      related: {
        sites: known.sites.filter((one) => one.name === site),
        tunnels,
        peers: known.peers.filter(
          (peer) => ids.has(peer.name) || (peer.kind === 'twin' && `${known.here.site}/${peer.name}` === name),
        ),
        findings: about(known, [name, ...ids]),
      },
    }
  },
  peers: (peer, known) => ({
    fields: [],
    related: {
      tunnels: known.tunnels.filter(({name}) => peer.kind === 'tunnel' && name === peer.name),
      routes: known.routes.filter(({protocol}) => protocol === peer.session),
      findings: about(known, [peer.session, peer.kind === 'wan' ? `peers ${peer.name}` : peer.name]),
    },
  }),
  datastores: ({name, site}, known) => ({
    fields: [],
    related: {
      sites: known.sites.filter((one) => one.name === site),
      findings: about(known, [name.replace('/', ' '), name]),
    },
  }),
  policies: ({name, kind, tier}, known) => ({
    fields: [],
    related: {
      policies: known.policies.filter((one) => one.tier === tier),
      findings: about(known, [`policies/${name}`, `${kind} ${name}`, `policy ${name}`, `policies/${tier}.${name}`]),
    },
  }),
  routes: ({name, site, via}, known) => ({
    fields: [],
    related: {
      routes: known.routes,
      sites: known.sites.filter((one) => one.name === site),
      tunnels: known.tunnels.filter(({device}) => via.some((hop) => hop.device === device)),
      conflicts: known.conflicts.filter(({over}) => over === name),
      findings: about(known, [name]),
    },
  }),
  endpoints: ({address, site}, known) => ({
    fields: reachFields(known.reach),
    related: {
      sites: known.sites.filter((one) => one.name === site),
      routes: known.routes.filter(({best}) => best),
      conflicts: known.conflicts.filter(({over}) => over === address),
      findings: about(known, [address]),
    },
  }),
}

/** `wan b/b1/lte 0` → `lte`. */
const farUplink = (tunnel: string): string => tunnel.split(' ')[1]?.split('/')[2] ?? ''

/** `uplink wan 192.0.2.1`, as far as the gateway tells. */
function outer({gateways}: Known, gateway: string, uplink: string): string {
  const known = gateways.find(({name}) => name === gateway)?.uplinks.find((one) => one.split(' ')[0] === uplink)
  return `uplink ${known ?? uplink}`
}

/** Classes that may send something: more are not read by anybody. */
const SHOWN = 20

function reachFields(reach: Reach | null): Description['fields'] {
  if (reach === null) return []
  const {ingress, egress, from, refused} = reach
  const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))
  const rows = from.slice(0, SHOWN).map(({site, labels, traffic}): [string, string] => {
    const words = Object.entries(labels).map(([label, value]) => `${label}=${value}`)
    return [
      'MAY REACH IT',
      `${traffic} from ${site === null ? 'addresses of no site' : `site ${site}`} ${words.join(' ')}`.trimEnd(),
    ]
  })
  const more = from.length > SHOWN ? [['', `and ${from.length - SHOWN} classes more`] as const] : []
  return [
    ['CLASS', reach.class ?? '-'],
    ['INGRESS BY', list(ingress)],
    ['EGRESS BY', list(egress)],
    ...(rows.length === 0 ? [['MAY REACH IT', 'nobody'] as const] : rows),
    ...more,
    ['MAY NOT', `${refused} other classes of addresses`],
  ]
}

/** Findings that name one of these, as a word of its own. */
function about({findings}: Known, names: readonly string[]): readonly Finding[] {
  const words = names.filter((name) => name !== '')
  return findings.filter(({where: {source, key, field}, detail}) => {
    const text = [source, key, field, detail].join(' ')
    return words.some((word) => hasWord(text, word))
  })
}

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [before, after] = [text[at - 1] ?? ' ', text[at + word.length] ?? ' ']
    if (!/[\w/-]/.test(before) && !/[\w-]/.test(after)) return true
  }
  return false
}
