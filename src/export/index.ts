/**
 * The own site's part of the World → the records that it publishes.
 *
 *     World (sites, documents), tunnel offers ─► siteRecords ───► meta, site, gateways/SELF, resources/   made anew
 *     changes of local members ────────────────► MemberRecords ─► attributes/, endpoints/                 kept up
 *     own datastores' batches ─────────────────► LocalRecords ──► local/, with localPolicies              kept up
 *     World ───────────────────────────────────► exportRecords ─► all but local/, from nothing            the referee
 *
 * Remote gateways read this prefix and nothing else, so it holds what policy and tunnels need of this site: after
 * ownership, duplicates decided, labels effective. Values have their fields in one order and maps are sorted: equal
 * Worlds give equal bytes, and the driver writes only what differs. Granted prefixes are not exported as members: each
 * reader derives them from what *it* grants. The inverse is decode and federate at the other end, and a property test
 * holds the two together (`test/export/inverse.test.ts`).
 */
export {LocalRecords} from './local-records.ts'
export {MemberRecords, type MembersBecame} from './member-records.ts'
export {EXPORT_ROOT, exportRecords, localDatastores, siteRecords} from './records.ts'
