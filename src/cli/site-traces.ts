import {access, rm} from 'node:fs/promises'
import path from 'node:path'
import type {Finding, GatewayConfig, SiteName} from '../model/index.ts'
import {remoteCertificate} from './site-bundle.ts'
import {livingGateways, removeObjects} from './site-datastores.ts'
import {changeRights} from './site-etcd.ts'
import {filesOf, type Row} from './site-folder.ts'

/** What a trace may need to find and remove itself. */
export interface LeaveInput {
  readonly config: GatewayConfig
  readonly name: SiteName
  readonly folder: string
  readonly sites: string
  readonly endpoints: readonly string[]
  readonly dryRun: boolean
  readonly nowMs: number
  /** The configuration names the site. */
  readonly named: boolean
}

export interface Removed {
  readonly rows: readonly Row[]
  readonly findings: readonly Finding[]
}

/** Something that a site leaves behind here. */
interface Trace {
  readonly what: string
  /** A gateway that still follows the site would make it anew at once, or needs it. */
  readonly whileNamed: boolean
  /** Removes it, with `dryRun` only says so; rows only for what was there. A second time there is nothing. */
  readonly remove: (input: LeaveInput) => Promise<Removed>
}

/** Everything that `isthmus site leave NAME` takes away, in this order: access first. */
export const TRACES: readonly Trace[] = [
  {what: 'user in etcd, and its certificate', whileNamed: true, remove: removeAccess},
  {what: 'certificates for its etcd', whileNamed: false, remove: removeTakenBundle},
  {what: 'last known state', whileNamed: false, remove: removeKnown},
  {what: 'objects in Calico', whileNamed: true, remove: removeWrittenBack},
]

/** Its certificate is what tells that it may have a user, so it goes last. */
async function removeAccess(input: LeaveInput): Promise<Removed> {
  const {cert, key} = filesOf(input.folder, remoteCertificate(input.name))
  const user = await removeUser(input, cert)
  const isGone = input.endpoints.length > 0 && !user.findings.some(({severity}) => severity === 'error')
  const reason = isGone ? 'with which it read our export' : 'its user in etcd goes first'
  const files = isGone
    ? await removePaths([key, cert], reason, input.dryRun)
    : {rows: (await isThere(cert)) ? [{what: cert, action: 'later', reason}] : [], findings: []}
  return {rows: [...user.rows, ...files.rows], findings: user.findings}
}

async function removeUser({endpoints, folder, dryRun, nowMs, name}: LeaveInput, cert: string): Promise<Removed> {
  if (endpoints.length === 0) return {rows: [], findings: (await isThere(cert)) ? [userLeft(name)] : []}
  const {remoteUser} = await import('../site/index.ts')
  const {rows, findings} = await changeRights({folder, endpoints, dryRun, nowMs}, async (client, etcd) => {
    const {users} = await etcd.readRights(client)
    const user = remoteUser(name)
    return {steps: users.has(user) ? [{do: 'delete-user', user}] : [], findings: []}
  })
  return {rows: rows.filter(({action}) => action === 'change').map((row) => ({...row, action: 'remove'})), findings}
}

/** It has a certificate of ours, and whoever has that reads on. */
const userLeft = (name: SiteName): Finding => ({
  code: 'site-user-left',
  severity: 'warning',
  where: {source: 'etcd'},
  detail: `whether site ${name} still has its user in etcd was not looked at; its certificate opens as long as it does`,
  remedy: 'run this again with --endpoints',
})

function removeTakenBundle({sites, name, dryRun}: LeaveInput): Promise<Removed> {
  return removePaths([path.join(sites, name)], 'with which we read its export', dryRun)
}

async function removeKnown({config, name, dryRun}: LeaveInput): Promise<Removed> {
  const {knownFiles} = await import('../store/index.ts')
  return removePaths(knownFiles(config.paths.state, `export/${name}`), 'what it said last', dryRun)
}

/** A gateway that lives removes them by itself, once its configuration does not name the site. */
async function removeWrittenBack({config, name, named, dryRun}: LeaveInput): Promise<Removed> {
  const rows: Row[] = []
  const findings: Finding[] = []
  const datastores = config.datastores.filter(({kind}) => kind === 'calico')
  const living = datastores.length > 0 && !named ? await livingGateways(config) : {value: []}
  if ('finding' in living) return {rows, findings: [living.finding]}
  for (const datastore of datastores) {
    const what = `objects in ${datastore.name}`
    if (named || living.value.length > 0) {
      const reason = named
        ? `kept up while gateway.yaml names sites.${name}`
        : `gateway ${living.value.join(', ')} lives, and removes them when its gateway.yaml does not name ${name}`
      rows.push({what, action: 'later', reason})
      continue
    }
    const removed = await removeObjects(config, datastore, {remote: name, dryRun})
    if ('finding' in removed) findings.push(removed.finding)
    else if (removed.value.removed.length > 0) {
      rows.push({what, action: 'remove', reason: `${removed.value.removed.length} that were written back of ${name}`})
    }
  }
  return {rows, findings}
}

async function removePaths(paths: readonly string[], reason: string, dryRun: boolean): Promise<Removed> {
  const rows: Row[] = []
  for (const file of paths) {
    if (!(await isThere(file))) continue
    if (!dryRun) await rm(file, {recursive: true, force: true})
    rows.push({what: file, action: 'remove', reason})
  }
  return {rows, findings: []}
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )
