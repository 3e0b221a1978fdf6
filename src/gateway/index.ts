/**
 * The wiring, the loop and the life of the daemon: the one place that knows every station.
 *
 *     watchers ─batch─► decode ─► federation ─┐            ┌─► drivers (sysctl nft netlink wireguard bird etcd)
 *     config, keys, secrets ──────────────────┼─► plan ─► diff ─┘      │
 *     notifications, timers ──trigger─► loop ─┘     ▲                  ▼
 *                                                 Actual ◄── read ── kernel, BIRD, etcd        GatewayView ─► API
 *
 * Level-triggered: a trigger says only "look again", never what changed. Triggers fold into one flag; one pass at a
 * time; a pass that left something undone comes back by itself, from 100 ms up to a minute. With the daemon gone
 * everything that it made stays and forwards; with it back, the first pass waits until it knows at least what the
 * kernel already knows (`first-pass.ts`).
 */
export {startGateway} from './start.ts'
