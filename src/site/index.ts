/**
 * What a site needs so that others can read its export, and what two sites tell each other to be joined.
 *
 *     wish (site, servers, users) ─► wantedCertificates ─┐
 *     what is in the folder ─────────────────────────────┴► planFolder ─► create | renew | keep | refuse, with reason
 *     what is in etcd ─► planRights(wanted) ─► steps in order        (src/etcd does them; `enable` is always the last)
 *     gateway.yaml + NAME ─► bundle (manifest, snippet) ─► the other site: parseManifest, findOverlaps
 *
 * Pure: the command line collects what is there and does what is said here, so that `--dry-run` shows the same steps that
 * would be done. A second run finds everything there and plans nothing. Nothing that somebody else made is ever written over:
 * a file or a role that is not as it should be is refused, with what to do.
 */
export {bundleSnippet, type Manifest, parseManifest, printManifest} from './bundle.ts'
export {
  type FolderStep,
  type HeldCertificate,
  planFolder,
  type SiteWish,
  userCertificate,
  wantedCertificates,
} from './folder.ts'
export {findOverlaps} from './overlaps.ts'
export {ADMIN_USER, GATEWAY_USER, planRemoteRights, planRights, remoteUser, wideRights} from './rights.ts'
