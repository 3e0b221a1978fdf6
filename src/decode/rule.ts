import type {Direction, EntityRule, IcmpMatch, PortSpec, Rule} from '../model/index.ts'
import {parseCidr, prefixFamily} from '../net/index.ts'
import {foldPeer} from '../selectors/index.ts'
import type {Fields} from './fields.ts'
import {portsOf, protocolOf} from './numorstring.ts'

const ICMP = 1
const ICMP6 = 58
const WITH_PORTS = [6, 17, 132]

/**
 * What one document may ask for. Calico's own limit is that of the rules; the others are far from what people write and
 * keep one document from taking the memory, or the kernel's patience, of all.
 */
export const LIMITS = {
  rules: 1024,
  /** Entries of each list of nets, ports or names. */
  list: 1024,
  /** Of a selector. */
  characters: 16_384,
  /** Source ports × destination ports, over the rules of one direction: each pair may become a rule of nftables. */
  portPairs: 16_384,
} as const

/** Rules of one direction (calico-model 2.4, 4.5). Beyond the limit none is read: ten thousand of them say no more. */
export function rulesOf(spec: Fields, name: string): Rule[] {
  const {length} = spec.list(name)
  if (length <= LIMITS.rules) return spec.objects(name).map(ruleOf)
  spec.exceed(name, `${length} rules; a policy has at most ${LIMITS.rules} in a direction`)
  return []
}

/** What can only be said of rules that were read: their selectors, and what they ask for together. */
export function checkRules(spec: Fields, rules: {readonly [name in Direction]: readonly Rule[]}): void {
  for (const direction of ['ingress', 'egress'] as const) {
    let pairs = 0
    for (const [index, rule] of rules[direction].entries()) {
      pairs += portCount(rule.source) * portCount(rule.destination)
      for (const side of ['source', 'destination'] as const) {
        const folded = foldPeer(rule[side])
        if (!folded.ok) {
          spec.failSelector(`${direction}[${index}].${side}.${folded.invalid.field}`, folded.invalid.message)
        }
      }
    }
    if (pairs > LIMITS.portPairs) {
      spec.exceed(direction, `${pairs} pairs of source and destination ports; at most ${LIMITS.portPairs}`)
    }
  }
}

/** Ranges that the ports of one side may fall into: each hole parts one more. 1 where it does not ask. */
function portCount({ports, notPorts}: EntityRule): number {
  const count = (spec: PortSpec | null): number => (spec ? spec.ranges.length + spec.names.length : 0)
  return Math.max(1, count(ports)) + count(notPorts)
}

export function checkLength(fields: Fields, name: string, text: string): void {
  if (text.length > LIMITS.characters) fields.exceed(name, `${text.length} characters; at most ${LIMITS.characters}`)
}

function ruleOf(rule: Fields): Rule {
  const ipVersion = rule.integer('ipVersion', 4, 6)
  if (ipVersion === 5) rule.fail('ipVersion', '5 is neither 4 nor 6')
  const protocol = protocolOf(rule, 'protocol')
  const decoded: Rule = {
    action: rule.word('action', ['Allow', 'Deny', 'Pass', 'Log'], 'Deny'),
    ipVersion: ipVersion === 4 || ipVersion === 6 ? ipVersion : null,
    protocol,
    notProtocol: protocolOf(rule, 'notProtocol'),
    icmp: icmpOf(rule, 'icmp'),
    notIcmp: icmpOf(rule, 'notICMP'),
    source: entityOf(rule.object('source')),
    destination: entityOf(rule.object('destination')),
    http: rule.has('http'),
  }
  if (!rule.has('action')) rule.fail('action', 'missing')
  checkProtocol(rule, decoded)
  return decoded
}

function checkProtocol(rule: Fields, {protocol, ipVersion, source, destination}: Rule): void {
  if (protocol === ICMP && ipVersion === 6) rule.fail('protocol', 'ICMP does not go with ipVersion 6')
  if (protocol === ICMP6 && ipVersion === 4) rule.fail('protocol', 'ICMPv6 does not go with ipVersion 4')
  for (const [side, {nets, notNets}] of [
    ['source', source],
    ['destination', destination],
  ] as const) {
    const wrong = [...nets, ...notNets].find((net) => ipVersion !== null && prefixFamily(net) !== ipVersion)
    if (wrong !== undefined) rule.fail(`${side}.nets`, `${wrong} does not go with ipVersion ${ipVersion}`)
  }
  const specs = [source.ports, source.notPorts, destination.ports, destination.notPorts]
  const numeric = specs.some((spec: PortSpec | null) => (spec?.ranges.length ?? 0) > 0)
  if (numeric && !(protocol !== null && WITH_PORTS.includes(protocol))) {
    rule.fail('protocol', 'numeric ports need protocol TCP, UDP or SCTP')
  }
}

function icmpOf(rule: Fields, name: string): IcmpMatch | null {
  const match = rule.object(name)
  const type = match.integer('type', 0, 254)
  const code = match.integer('code', 0, 255)
  if (code !== null && type === null) match.fail('code', 'code without type')
  return type === null && code === null ? null : {type, code}
}

function checkList(fields: Fields, name: string): void {
  const {length} = fields.list(name)
  if (length > LIMITS.list) fields.exceed(name, `${length} entries; at most ${LIMITS.list}`)
}

function entityOf(entity: Fields): EntityRule {
  const accounts = entity.object('serviceAccounts')
  const names = accounts.texts('names')
  const selector = accounts.text('selector')
  const services = entity.object('services')
  for (const list of ['nets', 'notNets', 'ports', 'notPorts']) checkList(entity, list)
  checkList(accounts, 'names')
  const decoded: EntityRule = {
    nets: entity.parsed('nets', parseCidr, 'a CIDR'),
    notNets: entity.parsed('notNets', parseCidr, 'a CIDR'),
    selector: entity.text('selector'),
    notSelector: entity.text('notSelector'),
    namespaceSelector: entity.text('namespaceSelector'),
    ports: portsOf(entity, 'ports'),
    notPorts: portsOf(entity, 'notPorts'),
    serviceAccounts: names.length > 0 || selector !== '' ? {names, selector} : null,
    services: services.text('name') !== '' || services.text('namespace') !== '',
  }
  for (const field of ['selector', 'notSelector', 'namespaceSelector'] as const) {
    checkLength(entity, field, decoded[field])
  }
  checkLength(accounts, 'selector', selector)
  const others = decoded.selector || decoded.nets.length > 0 || decoded.serviceAccounts
  if (decoded.services && others) entity.fail('services', 'cannot stand beside selector, nets or serviceAccounts')
  return decoded
}
