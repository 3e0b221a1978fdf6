import type {EntityRule, IcmpMatch, PortSpec, Rule} from '../model/index.ts'
import {parseCidr} from '../net/index.ts'
import type {Fields} from './fields.ts'
import {portsOf, protocolOf} from './numorstring.ts'

const ICMP = 1
const ICMP6 = 58
const WITH_PORTS = [6, 17, 132]

/** Rules of one direction (calico-model 2.4, 4.5); Calico's limit is 1024. */
export function rulesOf(spec: Fields, name: string): Rule[] {
  if (spec.list(name).length > 1024) spec.fail(name, 'more than 1024 rules')
  return spec.objects(name).map(ruleOf)
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

function entityOf(entity: Fields): EntityRule {
  const accounts = entity.object('serviceAccounts')
  const names = accounts.texts('names')
  const selector = accounts.text('selector')
  const services = entity.object('services')
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
  const others = decoded.selector || decoded.nets.length > 0 || decoded.serviceAccounts
  if (decoded.services && others) entity.fail('services', 'cannot stand beside selector, nets or serviceAccounts')
  return decoded
}
