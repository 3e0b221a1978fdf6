import {stringify} from 'yaml'
import type {PolicyDiff, Refused} from '../api/index.ts'
import {validateDocuments} from '../documents/index.ts'
import type {Decoded, GatewayConfig, Policy, Tier, World} from '../model/index.ts'
import {comparePolicies, type DifferenceRow, printGroup, printTraffic} from '../policy/index.ts'
import type {Runtime} from './runtime.ts'

/** Both policy sets are compiled from nothing while all else waits: some tenths of a second at this size. */
const MOST_ADDRESSES = 50_000
/** Groups of addresses that are named on one side of a row. */
const SHOWN = 8

/** What would open and close with these documents in force and those policies gone, over the endpoints of the moment. */
export function policyDiff(
  world: Pick<World, 'members' | 'attributes' | 'policies'>,
  standard: GatewayConfig['default'],
  text: string,
  deleted: readonly string[],
): PolicyDiff | Refused {
  if (world.members.size > MOST_ADDRESSES) {
    const message = `more than ${MOST_ADDRESSES} addresses: ask isthmus policy diff --policy FILE on another machine`
    return {refused: 'too-large', message}
  }
  const {documents, findings} = validateDocuments([{file: 'edited', text}])
  if (findings.some(({severity}) => severity === 'error')) {
    return {refused: 'document-refused', message: 'the documents have mistakes', findings}
  }
  const policies: Policy[] = []
  const tiers: Tier[] = []
  for (const {resource, kind, name} of documents) {
    if (resource.kind === 'Tier') tiers.push(resource)
    else if (resource.kind === 'GlobalNetworkPolicy') policies.push(resource)
    else {
      const message = `${kind.kind} ${name}: only global policies and tiers can be tried here`
      return {refused: 'bad-request', message}
    }
  }
  const known = new Set(world.policies.policies.map(({meta}) => meta.name))
  const unknown = deleted.find((name) => !known.has(name))
  if (unknown !== undefined) return {refused: 'not-found', message: `no policy ${JSON.stringify(unknown)} is in force`}
  const replaced = new Set([...deleted, ...policies.map(({meta}) => meta.name)])
  const tierNames = new Set(tiers.map(({meta}) => meta.name))
  const after = {
    tiers: [...world.policies.tiers.filter(({meta}) => !tierNames.has(meta.name)), ...tiers],
    policies: [...world.policies.policies.filter(({meta}) => !replaced.has(meta.name)), ...policies],
  }
  const rows = comparePolicies({world, default: standard}, {world: {...world, policies: after}, default: standard})
  if (!rows) return {refused: 'too-large', message: 'one of the two policy sets is too large to be enforced'}
  return {
    rows: rows.map(({change, traffic, from, to, example}) => ({
      change,
      traffic: printTraffic(traffic),
      from: named(from),
      to: named(to),
      example: {...example},
    })),
    findings,
  }
}

type Groups = DifferenceRow['from']

function named(groups: Groups): string[] {
  const shown = groups.slice(0, SHOWN).map(printGroup)
  return groups.length > SHOWN ? [...shown, `and ${groups.length - SHOWN} classes more`] : shown
}

/** A policy in force as YAML: the text of the first authority that has it, which is the one that counts. */
export function policyText(
  {world, config, recordsOf}: Pick<Runtime, 'world' | 'config' | 'recordsOf'>,
  name: string,
): string | null {
  const {policies, documents} = world()
  const policy = policies.policies.find(({meta}) => meta.name === name)
  if (!policy) return null
  const path = `globalnetworkpolicies/${policy.keyName}`
  for (const site of config.authorities) {
    const text = site === config.site ? documents.get(path) : textOf(recordsOf(`export/${site}`), path)
    if (text !== undefined) return stringify(asWritten(JSON.parse(text)), {lineWidth: 100})
  }
  return null
}

function textOf(records: Iterable<Decoded>, path: string): string | undefined {
  for (const record of records) {
    if (record.type === 'export' && record.entry.kind === 'resource' && record.entry.path === path)
      return record.entry.document
  }
  return undefined
}

/** Without what the store has added: what is left can be applied again. */
function asWritten(document: {metadata?: Record<string, unknown>}): unknown {
  const {uid, creationTimestamp, resourceVersion, generation, managedFields, ...metadata} = document.metadata ?? {}
  return {...document, metadata}
}
