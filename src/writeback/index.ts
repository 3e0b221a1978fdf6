/**
 * What a Calico of the own site should know of the others: World → objects in its datastore, by full key.
 *
 *     changes of members ─► WriteBackSets ─► GlobalNetworkSets, NetworkSets     kept up: one address costs one small set
 *     GatewayConfig ──────► siteObjects ───► IPPools, BGPPeers, Nodes, blocks   made anew, few
 *     both, held objects ─► mergeObject ───► text to store                      what is not ours in it stays
 *
 * An object says here only what Isthmus means by it, without uid and times: equal Worlds give equal texts, whatever the path
 * to them. Names come from the content (site and labels, the prefix, the peer), so that no memory is needed to find an object
 * again. Nothing is written that Calico's own validation would refuse: it takes such an object for deleted, in silence. All
 * carry the owner annotation, and `ownerOf` is the one test of what may be changed or removed.
 */
export {parseExact} from './exact-json.ts'
export {type HeldObject, HeldObjects, type ObjectChange} from './held-objects.ts'
export {briefIpam, isIpamKey} from './ipam.ts'
export {mergeObject} from './merge.ts'
export {
  CALICO_RESOURCES,
  CLUSTER_INFORMATION,
  coverOf,
  mayPruneSet,
  type ObjectIdentity,
  objectPath,
  tellsOf,
  WRITE_BACK_PREFIXES,
} from './objects.ts'
export {type MembersBecame, WriteBackSets} from './sets.ts'
export {siteObjects} from './site-objects.ts'
export {writeBackObjects} from './whole.ts'
