import type {EntityRule, IcmpMatch, Policy, PortSpec, Rule} from '../../src/model/index.ts'

const NAMES: Readonly<Record<number, string>> = {
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  58: 'ICMPv6',
  132: 'SCTP',
  136: 'UDPLite',
}

/** One of the ways in which Calico's clients write a protocol; `dice` decides. */
function protocolValue(protocol: number, dice: number): string | number {
  const name = NAMES[protocol]
  if (name === undefined || dice % 4 === 0) return protocol
  if (dice % 4 === 1) return String(protocol)
  return dice % 4 === 2 ? name : name.toLowerCase()
}

function portValues({ranges, names}: PortSpec): (string | number)[] {
  return [...ranges.map(({first, last}) => (first === last ? first : `${first}:${last}`)), ...names]
}

const entityDocument = (side: EntityRule): object => ({
  ...(side.nets.length > 0 ? {nets: side.nets} : {}),
  ...(side.notNets.length > 0 ? {notNets: side.notNets} : {}),
  ...(side.selector === '' ? {} : {selector: side.selector}),
  ...(side.notSelector === '' ? {} : {notSelector: side.notSelector}),
  ...(side.namespaceSelector === '' ? {} : {namespaceSelector: side.namespaceSelector}),
  ...(side.ports ? {ports: portValues(side.ports)} : {}),
  ...(side.notPorts ? {notPorts: portValues(side.notPorts)} : {}),
  ...(side.serviceAccounts ? {serviceAccounts: side.serviceAccounts} : {}),
  ...(side.services ? {services: {name: 's', namespace: 'n'}} : {}),
})

const icmpDocument = ({type, code}: IcmpMatch): object => ({
  ...(type === null ? {} : {type}),
  ...(code === null ? {} : {code}),
})

const ruleDocument = (rule: Rule, dice: number): object => ({
  action: rule.action,
  ...(rule.ipVersion === null ? {} : {ipVersion: rule.ipVersion}),
  ...(rule.protocol === null ? {} : {protocol: protocolValue(rule.protocol, dice)}),
  ...(rule.notProtocol === null ? {} : {notProtocol: protocolValue(rule.notProtocol, dice + 1)}),
  ...(rule.icmp ? {icmp: icmpDocument(rule.icmp)} : {}),
  ...(rule.notIcmp ? {notICMP: icmpDocument(rule.notIcmp)} : {}),
  ...(rule.http ? {http: {methods: ['GET']}} : {}),
  source: entityDocument(rule.source),
  destination: entityDocument(rule.destination),
})

/** A policy of the model as Calico's client would have stored it: what decode reads back. */
export function policyDocument(policy: Policy, dice = 0): object {
  const {meta, tier, order, selector, namespaceSelector, serviceAccountSelector, types} = policy
  return {
    kind: policy.kind,
    metadata: {name: policy.keyName, labels: meta.labels, annotations: meta.annotations},
    spec: {
      tier,
      ...(order === null ? {} : {order}),
      ...(selector === '' ? {} : {selector}),
      ...(namespaceSelector === '' ? {} : {namespaceSelector}),
      ...(serviceAccountSelector === '' ? {} : {serviceAccountSelector}),
      types: types.map((type) => (type === 'ingress' ? 'Ingress' : 'Egress')),
      ingress: policy.ingress.map((rule, index) => ruleDocument(rule, dice + index)),
      egress: policy.egress.map((rule, index) => ruleDocument(rule, dice + index)),
      ...(policy.doNotTrack ? {doNotTrack: true} : {}),
      ...(policy.preDnat ? {preDNAT: true} : {}),
      ...(policy.applyOnForward ? {applyOnForward: true} : {}),
    },
  }
}
