import {parseProtocol} from '../decode/index.ts'
import {type Family, parseCidr, prefixFamily} from '../net/index.ts'
import type {Path} from '../yaml/index.ts'
import type {Scope} from './envelope.ts'
import {
  also,
  fields,
  type Issue,
  integer,
  isObject,
  type Json,
  listOf,
  oneOf,
  type Shape,
  show,
  text,
  wrong,
} from './shape.ts'
import {annotations, isDnsSubdomain, isNumericPort, namespaceSelectorOfRule, port, ruleNet, selector} from './words.ts'

const ICMP = 1
const ICMP6 = 58
const TCP = 6
const WITH_PORTS: readonly (number | null)[] = [TCP, 17, 132]
const SIDES = ['source', 'destination'] as const

const protocol: Shape = (value, path, into) => {
  if (parseProtocol(value) !== null) return
  into.push(
    wrong(path, `${show(value)} is no protocol`, 'TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite, or a number from 1 to 255'),
  )
}

const serviceAccountName = text((name) =>
  isDnsSubdomain(name) ? null : {detail: `${show(name)} is no name of a service account`},
)

const icmp = also(fields({type: integer(0, 254), code: integer(0, 255)}), (match, path, into) => {
  if (match.code !== undefined && match.type === undefined) {
    into.push(wrong([...path, 'code'], 'code without type', 'give the type that the code belongs to'))
  }
})

const httpPath = also(fields({exact: text(pathFault), prefix: text(pathFault)}), (match, path, into) => {
  if (('exact' in match ? 1 : 0) + ('prefix' in match ? 1 : 0) !== 1)
    into.push(wrong(path, 'needs one of exact and prefix'))
})

function pathFault(value: string): {detail: string} | null {
  return /^\/[^?#\s]*$/.test(value)
    ? null
    : {detail: `${show(value)} is no path: it begins with / and has no ?, # or space`}
}

const entityIn = (scope: Scope): Shape =>
  also(
    fields({
      nets: listOf(ruleNet),
      notNets: listOf(ruleNet),
      selector,
      notSelector: selector,
      namespaceSelector: namespaceSelectorOfRule,
      ports: listOf(port),
      notPorts: listOf(port),
      serviceAccounts: fields({names: listOf(serviceAccountName), selector}),
      // In a namespace a service without one is of the same.
      services: fields({name: text(), namespace: text()}, scope === 'cluster' ? ['name', 'namespace'] : ['name']),
    }),
    (side, path, into) => {
      if (!isObject(side.services)) return
      const others = [
        'selector',
        'notSelector',
        'namespaceSelector',
        'serviceAccounts',
        'nets',
        'notNets',
        'ports',
        'notPorts',
      ]
      for (const other of others.filter((name) => isFilled(side[name]))) {
        into.push(
          wrong(
            [...path, other],
            `${other} beside services`,
            'a service has addresses and ports of its own: give one of the two',
          ),
        )
      }
    },
  )

const isFilled = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)

const ruleIn = (scope: Scope): Shape =>
  also(
    fields(
      {
        action: oneOf(['Allow', 'Deny', 'Pass', 'Log']),
        ipVersion: oneOf([4, 6]),
        protocol,
        notProtocol: protocol,
        icmp,
        notICMP: icmp,
        source: entityIn(scope),
        destination: entityIn(scope),
        http: fields({methods: listOf(text()), paths: listOf(httpPath)}),
        metadata: fields({annotations}),
      },
      ['action'],
    ),
    (value, path, into) => {
      checkPorts(value, path, into)
      checkIcmp(value, path, into)
      checkFamilies(value, path, into)
      checkHttp(value, path, into)
    },
  )

/** Calico's bound, and ours: what is longer is generated, and belongs into sets or several policies. */
const MAX_RULES = 1024
const TOO_MANY = 'use a set and a selector, or several policies'

/** Rules of one direction, with what only that direction may hold. */
export function rulesOf(direction: 'ingress' | 'egress', scope: Scope): Shape {
  const rules = listOf(ruleIn(scope), MAX_RULES, TOO_MANY)
  return (value, path, into) => {
    rules(value, path, into)
    for (const [index, item] of Array.isArray(value) ? value.entries() : []) {
      if (isObject(item)) checkDirection(item, direction, [...path, index], into)
    }
  }
}

function checkDirection(value: Json, direction: 'ingress' | 'egress', path: Path, into: Issue[]): void {
  const local = direction === 'ingress' ? 'destination' : 'source'
  const side = value[local]
  if (isObject(side) && isObject(side.services)) {
    into.push(
      wrong(
        [...path, local, 'services'],
        `services as the ${local} of an ${direction} rule`,
        'use the selector of the policy',
      ),
    )
  }
  if (direction === 'egress' && isFilled(value.http)) {
    into.push(wrong([...path, 'http'], 'http in an egress rule', 'HTTP is matched on ingress only'))
  }
}

function checkPorts(value: Json, path: Path, into: Issue[]): void {
  if (value.protocol !== undefined && WITH_PORTS.includes(parseProtocol(value.protocol))) return
  for (const side of SIDES) {
    for (const name of ['ports', 'notPorts']) {
      const given = isObject(value[side]) ? value[side][name] : undefined
      if (!Array.isArray(given) || !given.some(isNumericPort)) continue
      const detail = isFilled(value.protocol)
        ? `ports with protocol ${show(value.protocol)}`
        : 'ports without a protocol'
      into.push(wrong([...path, side, name], detail, 'set protocol: TCP, UDP or SCTP in this rule'))
    }
  }
}

function checkIcmp(value: Json, path: Path, into: Issue[]): void {
  const own = parseProtocol(value.protocol)
  if (isObject(value.icmp) && own !== ICMP && own !== ICMP6) {
    into.push(wrong([...path, 'icmp'], 'icmp without its protocol', 'set protocol: ICMP or ICMPv6 in this rule'))
  }
  for (const name of ['protocol', 'notProtocol']) {
    const number = parseProtocol(value[name])
    const right = number === ICMP ? 4 : number === ICMP6 ? 6 : null
    const {ipVersion} = value
    if (right !== null && (ipVersion === 4 || ipVersion === 6) && ipVersion !== right) {
      into.push(
        wrong([...path, 'ipVersion'], `ipVersion ${ipVersion} with ${name} ${show(value[name])}`, `write ${right}`),
      )
    }
  }
}

/** All nets of a rule are of one family, and of the rule's own where it says one: others could never match. */
function checkFamilies(value: Json, path: Path, into: Issue[]): void {
  let family: Family | null = value.ipVersion === 4 || value.ipVersion === 6 ? value.ipVersion : null
  const said = family === null ? 'other nets of this rule' : `ipVersion ${family}`
  for (const side of SIDES) {
    for (const name of ['nets', 'notNets']) {
      const given = isObject(value[side]) ? value[side][name] : undefined
      for (const [index, net] of Array.isArray(given) ? given.entries() : []) {
        const prefix = typeof net === 'string' ? parseCidr(net) : null
        if (prefix === null) continue
        family ??= prefixFamily(prefix)
        if (prefixFamily(prefix) === family) continue
        const detail = `${net} is IPv${prefixFamily(prefix)}, and ${said} ${family === value.ipVersion ? 'is not' : `are IPv${family}`}`
        into.push(wrong([...path, side, name, index], detail, 'write one rule for each family'))
      }
    }
  }
}

function checkHttp(value: Json, path: Path, into: Issue[]): void {
  if (!isFilled(value.http)) return
  if (value.action !== 'Allow') {
    into.push(
      wrong(
        [...path, 'http'],
        `http in a rule with action ${show(value.action)}`,
        'HTTP is matched by Allow rules only',
      ),
    )
  }
  if (isFilled(value.protocol) && parseProtocol(value.protocol) !== TCP) {
    into.push(wrong([...path, 'protocol'], `http with protocol ${show(value.protocol)}`, 'write TCP, or leave it out'))
  }
}

export const direction: Shape = oneOf(['Ingress', 'Egress'])
