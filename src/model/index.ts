/**
 * The words. Plain readonly data that every station speaks: what is read (records, resources), what is known (sites,
 * endpoints, policies: the World), what must be (Desired), what is (Actual), and what is done about it (Step, Outcome).
 *
 *     RawRecord ─► Resource ─► World ─► Desired ─┐
 *                                        Actual ─┴─► Step[] ─► Outcome[]          Finding: from everywhere, to status
 *
 * Nothing here decides anything. Functions are only those that make a branded word or its canonical form, so that
 * there is one grammar of names and one content address of an attribute set in the whole program; and `JournalMap`, which
 * two stations hand a large map over with.
 */
export * from './attributes.ts'
export * from './bird-route.ts'
export * from './bird-text.ts'
export * from './carrier.ts'
export * from './certificate.ts'
export * from './community.ts'
export * from './datastore-walk.ts'
export * from './decoded.ts'
export * from './desired.ts'
export * from './diagnosis-code.ts'
export * from './driver.ts'
export * from './etcd-keys.ts'
export * from './etcd-rights.ts'
export * from './fast-path.ts'
export * from './finding.ts'
export * from './gateway-config.ts'
export * from './ids.ts'
export * from './journal-map.ts'
export * from './judged.ts'
export * from './judged-nft.ts'
export * from './kernel.ts'
export {ifMissing, isMissing} from './missing.ts'
export * from './nat.ts'
export * from './native.ts'
export * from './nft.ts'
export * from './nft-text.ts'
export * from './overhead.ts'
export * from './queue.ts'
export * from './record.ts'
export * from './resource.ts'
export * from './session.ts'
export * from './site.ts'
export * from './snapshot.ts'
export * from './source-rule.ts'
export * from './step.ts'
export * from './transit.ts'
export * from './usual-profiles.ts'
export * from './wan-peer.ts'
export * from './watched-nft.ts'
export * from './world.ts'
