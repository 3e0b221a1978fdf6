/**
 * What survives a restart: the last known state of every source, and this gateway's own keys.
 *
 *     SourceBatch ─► known/SOURCE.jsonl (a snapshot, formats.md) ─► the records that a start begins with
 *                    known/SOURCE.changes.jsonl                  ─► what changed since that was written
 *                    known/SOURCE.good.jsonl                     ─► of refused records the last good versions
 *     path-mtu.json                                               ─► what less than computed the paths of tunnels carry
 *     fou-ports.json                                              ─► UDP ports for tunnels that this boot has made
 *     sysctls-before.json                                         ─► what kernel settings were before this boot's first change
 *     tunnels.json                                                ─► which tunnels stand between uplinks, or follow each other
 *     change ─► audit/audit.jsonl, audit.1.jsonl, …             ─► who changed what, and what came of it
 *     drain ─► draining                                           ─► since when the gateway is being emptied
 *     gateway.yaml ─► config/NNNNNN.yaml + config/index.json      ─► every version, and the one that waits to be confirmed
 *     tunnel name ─► keys/NAME.key + keys/index.json              ─► {publicKey, keyFile, port}
 *
 * A last known state ends in its checksum and is bounded in size; a damaged one is set aside (`.damaged`) with a finding.
 * Files are written beside and renamed, so that a crash leaves the old one or the new one, never half of one; changes are
 * added to the end of their file, and what a crash cut off counts as nothing. What
 * cannot be read is a finding and counts as absent: a start without memory is slower, a start that fails is an outage.
 * Nothing here is shared between gateways; what must be shared is in etcd.
 */
export {type AuditLine, type AuditLog, openAuditLog} from './audit-log.ts'
export {readCarriers, type StoredCarriers, writeCarriers} from './carriers.ts'
export {replaceConfigFile} from './config-file.ts'
export {
  addConfigVersion,
  type ConfigHistory,
  type ConfigVersion,
  type ConfigWay,
  leftToConfirmMs,
  loadConfigHistory,
  type PendingConfig,
  readConfigVersion,
  saveConfigHistory,
} from './config-history.ts'
export {loadDraining, saveDraining} from './draining.ts'
export {readState, writeState} from './files.ts'
export {forgetKnown, knownFiles, knownSources} from './forget.ts'
export {readFouPorts, writeFouPorts} from './fou-ports.ts'
export {createKeyStore, type KeyStore, type StoredKey} from './keys.ts'
export {appendKnown, changesFile, type KnownChanges} from './known-changes.ts'
export {type KnownPart, knownFile, loadLastKnown, saveLastKnown} from './last-known.ts'
export {presentMoment} from './moment.ts'
export {readPathMtus, type SavedPathMtu, writePathMtus} from './path-mtus.ts'
export {loadSiteSigns, type StoredSigns, saveSiteSigns} from './site-signs.ts'
export {readSysctlsBefore, rememberSysctls} from './sysctls-before.ts'
