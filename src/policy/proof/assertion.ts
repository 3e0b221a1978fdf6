import type {EntityRule} from '../../model/index.ts'
import {type PortRange, type Prefix, parseCidr, parsePort, parsePortRange, prefixFamily} from '../../net/index.ts'
import {foldPeer} from '../../selectors/index.ts'
import {parseProtocol} from '../trace/index.ts'

/** One end of an assertion's flows: what a rule's side can ask, and the site that answers for the address. */
export interface AssertedSide {
  readonly entity: EntityRule
  /** null: any; an address of no site is in none. */
  readonly sites: readonly string[] | null
  /** Not of these; an address of no site is outside them all. */
  readonly notSites: readonly string[] | null
}

/** What must be true of all flows from all of these to all of those. */
export interface Assertion {
  readonly name: string
  /** `deny`: none of them is allowed; `allow`: each of them is. */
  readonly expect: 'allow' | 'deny'
  readonly from: AssertedSide
  readonly to: AssertedSide
  readonly ipVersion: 4 | 6 | null
  /** By the family of the flow: `icmp` is ICMPv6 between IPv6 addresses. null: every protocol. */
  readonly protocol: Readonly<Record<4 | 6, number>> | null
  /** Empty: any. For ICMP the destination's are type × 256 + code. */
  readonly sourcePorts: readonly PortRange[]
  readonly destinationPorts: readonly PortRange[]
}

/** What is wrong with a file of assertions, and where in its value. */
export interface AssertionProblem {
  readonly path: readonly (string | number)[]
  readonly detail: string
}

type Value = Readonly<Record<string, unknown>>
type Path = AssertionProblem['path']

const isObject = (value: unknown): value is Value =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const SIDE_KEYS = [
  'selector',
  'notSelector',
  'namespaceSelector',
  'serviceAccounts',
  'nets',
  'notNets',
  'site',
  'notSite',
]
const FLOW_KEYS = ['from', 'to', 'protocol', 'ports', 'sourcePorts', 'icmp', 'ipVersion']
const PORTED = [6, 17, 132]

/**
 * Reads the parsed value of a file of assertions. Everything that is wrong is told at once, and then there are no
 * assertions: a pipeline must not pass on the half of a file that could be read.
 */
export function parseAssertions(value: unknown): {
  readonly assertions: readonly Assertion[]
  readonly problems: readonly AssertionProblem[]
} {
  const reader = new Reader()
  const assertions = reader.file(value)
  return reader.problems.length > 0 ? {assertions: [], problems: reader.problems} : {assertions, problems: []}
}

class Reader {
  readonly problems: AssertionProblem[] = []
  readonly #names = new Set<string>()

  file(value: unknown): Assertion[] {
    if (!isObject(value)) return this.#fail([], 'must be a mapping with version and assertions', [])
    this.#known(value, ['version', 'assertions'], [])
    if (value.version !== 1) this.#fail(['version'], 'must be 1', null)
    const list = value.assertions
    if (!Array.isArray(list) || list.length === 0) return this.#fail(['assertions'], 'must be a list, not empty', [])
    return list.flatMap((item: unknown, index) => this.#assertion(item, ['assertions', index]) ?? [])
  }

  #assertion(value: unknown, path: Path): Assertion | null {
    if (!isObject(value)) return this.#fail(path, 'must be a mapping with name, and deny or allow', null)
    this.#known(value, ['name', 'deny', 'allow'], path)
    const {name} = value
    if (typeof name !== 'string' || name === '')
      return this.#fail([...path, 'name'], 'must be a text that says what is asserted', null)
    if (this.#names.has(name)) {
      this.#fail([...path, 'name'], `${JSON.stringify(name)} is the name of an earlier one`, null)
    }
    this.#names.add(name)
    const expect = 'deny' in value ? 'deny' : 'allow'
    if ('deny' in value === 'allow' in value) return this.#fail(path, 'needs deny or allow, one of them', null)
    const flows = value[expect]
    const at = [...path, expect]
    if (!isObject(flows)) return this.#fail(at, 'must be a mapping with from, to, protocol, ports', null)
    this.#known(flows, FLOW_KEYS, at)
    const ipVersion = flows.ipVersion ?? null
    if (ipVersion !== null && ipVersion !== 4 && ipVersion !== 6)
      return this.#fail([...at, 'ipVersion'], 'must be 4 or 6', null)
    const traffic = this.#traffic(flows, at)
    const [from, to] = [this.#side(flows.from, [...at, 'from']), this.#side(flows.to, [...at, 'to'])]
    return traffic && from && to && {name, expect, from, to, ipVersion, ...traffic}
  }

  #traffic(flows: Value, path: Path): Pick<Assertion, 'protocol' | 'sourcePorts' | 'destinationPorts'> | null {
    const {protocol: given, icmp} = flows
    const none = {protocol: null, sourcePorts: [], destinationPorts: []}
    const ports = ['ports', 'sourcePorts'].filter((field) => flows[field] !== undefined)
    if (given === undefined || given === null) {
      for (const field of [...ports, ...(icmp === undefined ? [] : ['icmp'])])
        this.#fail([...path, field], 'needs a protocol', null)
      return none
    }
    const numbers = (typeof given === 'string' || typeof given === 'number') && {
      4: parseProtocol(given, false),
      6: parseProtocol(given, true),
    }
    if (!numbers || numbers[4] === null || numbers[6] === null) {
      return this.#fail(
        [...path, 'protocol'],
        `${JSON.stringify(given)} is no protocol: a name such as TCP, or 0 to 255`,
        null,
      )
    }
    const protocol = {4: numbers[4], 6: numbers[6]}
    if (!PORTED.includes(protocol[4]))
      for (const field of ports) this.#fail([...path, field], `protocol ${given} has no ports`, null)
    const isIcmp = protocol[4] === 1 || protocol[4] === 58
    if (icmp !== undefined && !isIcmp) this.#fail([...path, 'icmp'], `protocol ${given} has no type and code`, null)
    return {
      protocol,
      sourcePorts: this.#ports(flows.sourcePorts, [...path, 'sourcePorts']),
      destinationPorts:
        icmp !== undefined ? this.#icmp(icmp, [...path, 'icmp']) : this.#ports(flows.ports, [...path, 'ports']),
    }
  }

  #ports(value: unknown, path: Path): PortRange[] {
    if (value === undefined) return []
    if (!Array.isArray(value) || value.length === 0) return this.#fail(path, 'must be a list of ports, not empty', [])
    return value.flatMap((item: unknown, index): PortRange[] => {
      const text = String(item)
      const port = parsePort(text)
      const range = port === null ? parsePortRange(text) : {first: port, last: port}
      return range
        ? [range]
        : this.#fail([...path, index], `${JSON.stringify(item)} is no port or range such as 6000:6010`, [])
    })
  }

  #icmp(value: unknown, path: Path): PortRange[] {
    if (!isObject(value)) return this.#fail(path, 'must be a mapping with type, and code', [])
    this.#known(value, ['type', 'code'], path)
    const byte = (field: 'type' | 'code'): number | null => {
      const number = value[field]
      if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 255) return number
      return this.#fail([...path, field], 'must be 0 to 255', null)
    }
    const type = byte('type')
    const code = value.code === undefined ? undefined : byte('code')
    if (type === null || code === null) return []
    const first = type * 256
    return [code === undefined ? {first, last: first + 255} : {first: first + code, last: first + code}]
  }

  #side(value: unknown, path: Path): AssertedSide | null {
    const side = value ?? {}
    if (!isObject(side)) return this.#fail(path, 'must be a mapping', null)
    this.#known(side, SIDE_KEYS, path)
    const entity: EntityRule = {
      nets: this.#nets(side.nets, [...path, 'nets']),
      notNets: this.#nets(side.notNets, [...path, 'notNets']),
      selector: this.#text(side.selector, [...path, 'selector']),
      notSelector: this.#text(side.notSelector, [...path, 'notSelector']),
      namespaceSelector: this.#text(side.namespaceSelector, [...path, 'namespaceSelector']),
      ports: null,
      notPorts: null,
      serviceAccounts: this.#serviceAccounts(side.serviceAccounts, [...path, 'serviceAccounts']),
      services: false,
    }
    const folded = foldPeer(entity)
    if (!folded.ok) this.#fail([...path, ...folded.invalid.field.split('.')], folded.invalid.message, null)
    return {
      entity,
      sites: this.#sites(side.site, [...path, 'site']),
      notSites: this.#sites(side.notSite, [...path, 'notSite']),
    }
  }

  #text(value: unknown, path: Path): string {
    if (value === undefined) return ''
    return typeof value === 'string' ? value : this.#fail(path, 'must be a text', '')
  }

  #texts(value: unknown, path: Path, what: string): string[] {
    if (value === undefined) return []
    if (!Array.isArray(value) || value.length === 0) return this.#fail(path, `must be a list of ${what}, not empty`, [])
    return value.map((item: unknown, index) => this.#text(item, [...path, index]))
  }

  #sites(value: unknown, path: Path): string[] | null {
    if (value === undefined) return null
    return typeof value === 'string' ? [value] : this.#texts(value, path, 'sites')
  }

  #nets(value: unknown, path: Path): Prefix[] {
    return this.#texts(value, path, 'nets').flatMap((text, index): Prefix[] => {
      const net = parseCidr(text)
      return net ? [net] : this.#fail([...path, index], `${JSON.stringify(text)} is no address or prefix`, [])
    })
  }

  #serviceAccounts(value: unknown, path: Path): EntityRule['serviceAccounts'] {
    if (value === undefined) return null
    if (!isObject(value)) return this.#fail(path, 'must be a mapping with names, selector', null)
    this.#known(value, ['names', 'selector'], path)
    const names = this.#texts(value.names, [...path, 'names'], 'names')
    return {names, selector: this.#text(value.selector, [...path, 'selector'])}
  }

  #known(value: Value, keys: readonly string[], path: Path): void {
    for (const key of Object.keys(value)) {
      if (!keys.includes(key)) this.#fail([...path, key], `unknown; there is ${keys.join(', ')}`, null)
    }
  }

  #fail<T>(path: Path, detail: string, instead: T): T {
    this.problems.push({path, detail})
    return instead
  }
}

/** Families in which an assertion can speak of anything. */
export function familiesOf({from, to, ipVersion}: Assertion): readonly (4 | 6)[] {
  const possible = ({entity: {nets}}: AssertedSide, family: 4 | 6): boolean =>
    nets.length === 0 || nets.some((net) => prefixFamily(net) === family)
  return ([4, 6] as const).filter(
    (family) => (ipVersion ?? family) === family && possible(from, family) && possible(to, family),
  )
}
