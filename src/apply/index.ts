/**
 * The hands: one driver for each part of the node, each behind `Driver` (model/driver.ts).
 *
 *     Step[] of one driver ──apply──► kernel, BIRD, etcd ──► Outcome[]
 *     Actual's part ◄──read──┘   └──watch──► "look again"
 *
 * A driver decides nothing: what to do is in the step, whose object it is says its name and mark. Errors of the kernel
 * become outcomes in one place (`failure.ts`); only an aborted signal and our own bugs are thrown. Every driver works in
 * the network namespace of the process. `docs/design/apply.md` has the invariants.
 */
export {type BirdDriverOptions, createBirdDriver, watchBird} from './bird/index.ts'
export {
  createEtcdDriver,
  createPace,
  type EtcdDriver,
  EXPORT_PREFIX,
  type ExportOwner,
  type HeldExport,
  type KeyValues,
  type ObjectStore,
  ownerOf,
  type WriteGuard,
  writeObjects,
} from './etcd/index.ts'
export {createFastPath, type FastPath, isOfJudgement} from './fast-path/index.ts'
export {createFouDriver, type FouDriver, type FouLedger} from './fou/index.ts'
export {createNetlinkDriver, type NetlinkDriver, type NetlinkPart} from './netlink/index.ts'
export {
  type CounterValue,
  createNftDriver,
  type GenerationHalf,
  generationHalf,
  type JudgedCounts,
  type NftDriver,
  nextGeneration,
} from './nft/index.ts'
export {inSlices} from './slices.ts'
export {createSysctlDriver} from './sysctl/index.ts'
export {createWireguardDriver, type WireguardDriver} from './wireguard/index.ts'
