import {createHash} from 'node:crypto'
import {parseGatewayName, parseSiteName} from '../../model/index.ts'
import {
  hostPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContainsAddress,
  prefixFamily,
  prefixLength,
} from '../../net/index.ts'

/** What a machine tells of itself, for proposals; none of it is believed without being asked for. */
export interface Machine {
  readonly hostname: string
  /** Of devices that may be an uplink or a LAN, in the kernel's order. */
  readonly addresses: readonly {readonly device: string; readonly address: string}[]
  readonly networks: readonly {readonly device: string; readonly prefix: string}[]
  readonly defaultRoute: {readonly device: string; readonly via: string | null} | null
}

/** As it was typed, by the question; what is not there has not been answered. */
export type Answers = Readonly<Record<string, string>>

/** What stands for "nothing" where a question may be answered so. */
export const NONE = 'none'

export interface Question {
  /** The key in a file of answers; `gatewayNumber` is `--gateway-number`. */
  readonly id: string
  readonly text: string
  /** How the answer stands in gateway.yaml. */
  readonly kind: 'text' | 'number' | 'list'
  /** The keys of gateway.yaml that the answer decides: what is wrong with them is wrong with the answer. */
  readonly fields: readonly string[]
  /** `NONE` is an answer. */
  readonly optional?: true
  /** Where it is asked at all, by what has been answered before. */
  readonly when?: (answers: Answers) => boolean
  /** What is taken where nothing is said; null: there is nothing to take. */
  readonly propose: (answers: Answers, machine: Machine) => string | null
  /** What is there to choose from. */
  readonly found?: (answers: Answers, machine: Machine) => readonly string[]
  /** Right for any other answers, where a check of those needs a whole file. */
  readonly stand: string
}

export const given = (answers: Answers, id: string): string | null => {
  const answer = answers[id]
  return answer === undefined || answer === NONE ? null : answer
}

const always = (text: string) => (): string => text

/** In the order in which they are asked: a proposal may look at every answer before it. */
export const QUESTIONS: readonly Question[] = [
  {
    ...{id: 'site', kind: 'text', fields: ['site'], stand: 'site'},
    text: 'Name of this site: a cluster, datacenter or cloud region, the same at all of its gateways',
    propose: (_, {hostname}) => parseSiteName(hostname.split('.')[1] ?? ''),
  },
  {
    ...{id: 'gateway', kind: 'text', fields: ['gateway'], stand: 'gateway'},
    text: 'Name of this gateway, its own in the site',
    propose: (answers, {hostname}) => {
      const own = parseGatewayName(hostname.split('.')[0]!.toLowerCase())
      return own !== null && !GENERIC.has(own) ? own : parseGatewayName(`${answers.site}1`)
    },
  },
  {
    ...{id: 'interconnect', kind: 'list', fields: ['interconnect'], stand: '100.64.0.0/16'},
    text: 'Prefixes of the inner addresses of all gateways, the same at all sites: one of IPv4, and one of IPv6 if you like',
    propose: always('100.64.0.0/16'),
  },
  {
    ...{id: 'number', kind: 'number', fields: ['uplinks[0].inner'], stand: '0'},
    text: 'Number of this site, no other site has it: inner addresses follow from it',
    propose: (answers) => String(siteNumber(answers)),
  },
  {
    ...{id: 'gatewayNumber', kind: 'number', fields: [], stand: '0'},
    text: 'Number of this gateway in the site, from 0',
    propose: ({gateway = ''}) => {
      const last = Number(/[1-8]$/.exec(gateway)?.[0] ?? 1)
      return String(last - 1)
    },
  },
  {
    ...{id: 'as', kind: 'number', fields: ['as'], stand: '4200000000'},
    text: 'AS number of this site, its own among all sites',
    propose: ({number}) => String(4_200_000_000 + Number(number)),
  },
  {
    ...{id: 'address', kind: 'text', fields: ['uplinks[0].address', 'uplinks[0].device'], stand: '240.0.0.1'},
    text: 'Address of the uplink, by which other sites are reached; or the device that has it',
    found: (_, {addresses}) => addresses.map(({device, address}) => `${address} on ${device}`),
    propose: (_, machine) => uplinkAddress(machine),
  },
  {
    ...{id: 'public', kind: 'text', fields: ['uplinks[0].public'], optional: true, stand: NONE},
    text: 'Address that other sites see instead, where a NAT stands between',
    propose: always(NONE),
  },
  {
    ...{id: 'owns', kind: 'list', fields: ['owns'], stand: '240.1.0.0/24'},
    text: 'Prefixes of this site: its pods, and whatever else other sites may reach',
    propose: () => null,
  },
  {
    ...{id: 'infrastructure', kind: 'list', fields: ['infrastructure'], optional: true, stand: NONE},
    text: 'Networks of its nodes and routers, which may send ICMP errors and nothing else',
    propose: ({address = '', owns = ''}, machine) => {
      const own = listOf(owns).flatMap((text) => parsePrefix(text) ?? [])
      return listed(otherNetworks(address, machine).filter((network) => !own.includes(network)))
    },
  },
  {
    ...{id: 'default', kind: 'text', fields: ['default'], stand: 'deny'},
    text: 'What becomes of a flow that no policy decides: allow or deny',
    propose: always('deny'),
  },
  {
    ...{
      id: 'etcd',
      kind: 'list',
      fields: ['datastores[0].endpoints', 'datastores[0].tls', 'datastores'],
      stand: 'here',
    },
    text: '`here` for an etcd of its own on this machine, or where the etcd of the site is: https://HOST:2379, …',
    propose: always('here'),
  },
  {
    ...{id: 'kind', kind: 'text', fields: ['datastores[0].kind'], stand: 'isthmus'},
    text: 'What is in it: calico (the datastore of a cluster) or isthmus (an etcd for gateways alone)',
    propose: ({etcd}) => (etcd === 'here' ? 'isthmus' : 'calico'),
  },
  {
    ...{id: 'nodes', kind: 'number', fields: ['nodes'], optional: true, stand: NONE},
    text: "AS number of the cluster's nodes, for BGP with them",
    propose: ({kind}) => (kind === 'calico' ? '64512' : NONE),
  },
  {
    ...{id: 'twin', kind: 'text', fields: ['twin'], optional: true, stand: NONE},
    text: 'Name of the second gateway of this site, if it shall have two',
    propose: always(NONE),
  },
  {
    ...{id: 'lanDevice', kind: 'text', fields: ['lan.device', 'lan.address'], optional: true, stand: NONE},
    text: 'Device of the LAN that both gateways are on; none where a router stands between them',
    when: (answers) => given(answers, 'twin') !== null,
    propose: ({address = ''}, machine) => lanDevice(address, machine) ?? NONE,
  },
  {
    ...{id: 'lanTwin', kind: 'text', fields: ['lan'], stand: '240.0.0.2'},
    text: "The second gateway's address on that LAN",
    when: (answers) => given(answers, 'twin') !== null && given(answers, 'lanDevice') !== null,
    propose: () => null,
  },
  {
    ...{id: 'router', kind: 'text', fields: ['peers[0]'], optional: true, stand: NONE},
    text: 'Address of a router of the WAN that speaks BGP with this gateway',
    found: (_, {defaultRoute}) => (defaultRoute?.via ? [`the default route is by ${defaultRoute.via}`] : []),
    propose: always(NONE),
  },
  {
    ...{id: 'routerAs', kind: 'number', fields: ['peers[0].as'], stand: '64900'},
    text: 'Its AS number',
    when: hasRouter,
    propose: () => null,
  },
  {
    ...{id: 'routerImport', kind: 'list', fields: ['peers[0].import'], optional: true, stand: NONE},
    text: "Prefixes that are taken from it: those of other sites' gateways",
    when: hasRouter,
    propose: always(NONE),
  },
  {
    ...{id: 'routerExport', kind: 'list', fields: ['peers[0].export'], optional: true, stand: NONE},
    text: 'Prefixes that it is told: the uplinks that lie in them',
    when: hasRouter,
    propose: ({address = ''}, machine) => {
      const own = parseAddress(addressOf(address, machine) ?? '')
      return own ? hostPrefix(own) : NONE
    },
  },
  {
    ...{id: 'authorities', kind: 'list', fields: ['authorities'], stand: 'site'},
    text: 'Sites whose global policies count, in order of precedence, the same at all sites',
    propose: ({site}) => site ?? null,
  },
  {
    ...{id: 'metrics', kind: 'text', fields: ['metrics'], optional: true, stand: NONE},
    text: 'Where Prometheus may read metrics: ADDRESS:PORT',
    propose: always('127.0.0.1:9633'),
  },
]

/** Asked once for every other site that is known already; in a file of answers the list `sites`. */
export const SITE_QUESTIONS: readonly Question[] = [
  {
    ...{id: 'name', kind: 'text', fields: [], optional: true, stand: NONE},
    text: 'Name of another site to be joined; none: no more (`isthmus site join` adds them later too)',
    propose: always(NONE),
  },
  {
    ...{id: 'owns', kind: 'list', fields: ['owns'], stand: '240.2.0.0/24'},
    text: 'Prefixes that it may announce',
    propose: () => null,
  },
  {
    ...{id: 'endpoints', kind: 'list', fields: ['endpoints', 'tls'], stand: 'https://240.0.0.3:2379'},
    text: 'Where its etcd is reached: https://ADDRESS:2379, …',
    propose: () => null,
  },
  {
    ...{id: 'encapsulation', kind: 'text', fields: ['encapsulation'], stand: 'ipip'},
    text: 'How packets go there, as it is set at the other end: ipip, fou, wireguard, auto or none',
    propose: (answers, machine) => (isPrivate(answers, machine) ? 'ipip' : 'wireguard'),
  },
  {
    ...{id: 'bfd', kind: 'text', fields: ['bfd'], stand: 'private'},
    text: 'How the way there is watched: private (a tenth of a second) or internet (more patient)',
    propose: (answers, machine) => (isPrivate(answers, machine) ? 'private' : 'internet'),
  },
]

/** Names that machines have before anybody named them. */
const GENERIC: ReadonlySet<string> = new Set(['localhost', 'debian', 'ubuntu', 'isthmus'])

function hasRouter(answers: Answers): boolean {
  return given(answers, 'router') !== null
}

/** As people write lists: by commas, spaces or both. */
export const listOf = (text: string): string[] =>
  text === NONE ? [] : text.split(/[\s,]+/).filter((one) => one !== '')

const listed = (items: readonly string[]): string => (items.length === 0 ? NONE : items.join(', '))

/** Sixteen inner addresses a site. */
const ADDRESS_BITS = 4

/** From the name, so that two sites that both take what is proposed hardly ever take the same. */
function siteNumber({site = '', interconnect = ''}: Answers): number {
  const pools = listOf(interconnect).flatMap((text) => parsePrefix(text) ?? [])
  const bits = pools.map((pool) => (prefixFamily(pool) === 4 ? 32 : 128) - prefixLength(pool) - ADDRESS_BITS)
  const most = 2 ** Math.max(0, Math.min(12, ...bits))
  return createHash('sha256').update(site).digest().readUInt32BE(0) % most
}

function uplinkAddress({addresses, defaultRoute}: Machine): string | null {
  const onWay = addresses.filter(({device}) => device === defaultRoute?.device)
  return (onWay.find(({address}) => !address.includes(':')) ?? onWay[0] ?? addresses[0])?.address ?? null
}

/** The address itself, or that of a device. */
export function addressOf(answer: string, {addresses}: Machine): string | null {
  const onDevice = addresses.filter(({device}) => device === answer)
  if (onDevice.length > 0) return (onDevice.find(({address}) => !address.includes(':')) ?? onDevice[0]!).address
  return parseAddress(answer)
}

const deviceOf = (answer: string, {addresses}: Machine): string =>
  addresses.find(({address}) => address === answer)?.device ?? answer

function otherNetworks(uplink: string, machine: Machine): Prefix[] {
  const own = deviceOf(uplink, machine)
  const others = machine.networks.filter(({device}) => device !== own).flatMap(({prefix}) => parsePrefix(prefix) ?? [])
  return [...new Set(others)]
}

function lanDevice(uplink: string, machine: Machine): string | null {
  const own = deviceOf(uplink, machine)
  return machine.addresses.find(({device, address}) => device !== own && !address.includes(':'))?.device ?? null
}

/** Where packets leave for the Internet somebody else may read them. */
function isPrivate(answers: Answers, machine: Machine): boolean {
  const own = parseAddress(addressOf(answers.address ?? '', machine) ?? '')
  return given(answers, 'public') === null && own !== null && PRIVATE.some((one) => prefixContainsAddress(one, own))
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'] as Prefix[]
