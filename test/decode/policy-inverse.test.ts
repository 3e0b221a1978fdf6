import assert from 'node:assert/strict'
import fc from 'fast-check'
import {decodeRecord} from '../../src/decode/index.ts'
import type {EntityRule, IcmpMatch, Policy, PortSpec, Rule} from '../../src/model/index.ts'
import {prefixFamily} from '../../src/net/index.ts'
import {foldPeer, foldSubject} from '../../src/selectors/index.ts'
import {policyDocument} from '../policy/documents.ts'
import {policies, seed} from '../policy/random-world.ts'
import {rawRecord} from '../support/records.ts'
import {ISTHMUS} from '../support/sites.ts'

const PORTED = [6, 17, 132]

const sides = ({source, destination}: Rule): EntityRule[] => [source, destination]
const rulesOf = ({ingress, egress}: Policy): Rule[] => [...ingress, ...egress]

/** What Calico's validators let through, said once more and in other words. */
function isValid(rule: Rule): boolean {
  const numbers = sides(rule).some(({ports, notPorts}) => (ports?.ranges.length ?? 0) + (notPorts?.ranges.length ?? 0))
  const nets = sides(rule).flatMap((side) => [...side.nets, ...side.notNets])
  return (
    !(numbers && !PORTED.includes(rule.protocol ?? 0)) &&
    !(rule.protocol === 1 && rule.ipVersion === 6) &&
    !(rule.protocol === 58 && rule.ipVersion === 4) &&
    !(rule.ipVersion !== null && nets.some((net) => prefixFamily(net) !== rule.ipVersion)) &&
    sides(rule).every(
      (side) =>
        foldPeer(side).ok &&
        !(side.services && (side.selector !== '' || side.nets.length > 0 || normalAccounts(side.serviceAccounts))),
    )
  )
}

const normalAccounts = (accounts: EntityRule['serviceAccounts']) =>
  accounts && (accounts.names.length > 0 || accounts.selector !== '') ? accounts : null
const normalPorts = (spec: PortSpec | null) => (spec && spec.ranges.length + spec.names.length > 0 ? spec : null)
const normalIcmp = (match: IcmpMatch | null) => (match?.type === null ? null : match)
/** fast-check makes some objects without a prototype. */
const plain = (value: object): unknown => JSON.parse(JSON.stringify(value))

/** What is empty says what is absent says. */
function normal(rule: Rule): Rule {
  const side = (one: EntityRule): EntityRule => ({
    ...one,
    ports: normalPorts(one.ports),
    notPorts: normalPorts(one.notPorts),
    serviceAccounts: normalAccounts(one.serviceAccounts),
  })
  const {icmp, notIcmp, source, destination} = rule
  return {
    ...rule,
    icmp: normalIcmp(icmp),
    notIcmp: normalIcmp(notIcmp),
    source: side(source),
    destination: side(destination),
  }
}

describe(`decode and what Calico's client writes (SEED=${seed})`, () => {
  it('any policy reads back as it was meant; one that is wrong is refused, and stands in where it can be read', () => {
    const seen = {good: 0, standIn: 0, unreadable: 0}
    fc.assert(
      fc.property(policies, fc.nat(99), (some, dice) => {
        for (const policy of some) {
          const {refused: _, ...want} = policy
          if (policy.kind === 'NetworkPolicy' || policy.kind === 'StagedNetworkPolicy') continue
          const plural = policy.kind === 'GlobalNetworkPolicy' ? 'globalnetworkpolicies' : 'stagedglobalnetworkpolicies'
          const decoded = decodeRecord(rawRecord(`${ISTHMUS}${plural}/${policy.keyName}`, policyDocument(policy, dice)))
          // Of another tier the name keeps its beginning.
          const name = policy.tier === 'default' ? policy.meta.name : policy.keyName
          const meta = {...policy.meta, name}
          if (foldSubject(policy).ok && rulesOf(policy).every(isValid)) {
            seen.good++
            assert.ok(decoded.type === 'resource', JSON.stringify(decoded))
            const rules = {ingress: policy.ingress.map(normal), egress: policy.egress.map(normal)}
            assert.deepEqual(plain(decoded.resource), plain({...want, meta, ...rules}))
            continue
          }
          assert.ok(decoded.type === 'bad', JSON.stringify(policyDocument(policy, dice)))
          if (!foldSubject(policy).ok || policy.kind !== 'GlobalNetworkPolicy') {
            seen.unreadable++
            assert.equal(decoded.standIn, null)
          } else {
            seen.standIn++
            assert.ok(decoded.standIn?.type === 'resource')
            assert.deepEqual(
              plain(decoded.standIn.resource),
              plain({...want, meta, ingress: [], egress: [], refused: true}),
            )
          }
        }
      }),
      {seed, numRuns: 400},
    )
    assert.ok(
      Object.values(seen).every((count) => count > 5),
      JSON.stringify(seen),
    )
  })
})
