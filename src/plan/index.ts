/**
 * World + this gateway → Desired: everything that must exist here, as one value.
 *
 *     World ──┬─► tunnels (mesh) ──► devices, addresses, keys, offers ─┐
 *             ├─► routing ─────────► BIRD's configuration              ├─► Desired
 *     config ─┼─► ruleset ─────────► hooks around the compiled policy  │
 *             └─► export ──────────► what it publishes of itself ──────┘
 *
 * Its inputs are sites and gateways, thousands at most: a part is made anew, whole, when what it is made of is another
 * object (`createPlan`). The compiled policy, which is large, comes in ready-made and its maps go through by reference. What must not be guessed comes in as well: keys
 * that the store made, secrets that were read, devices that the kernel has. Equal input gives equal bytes.
 */
export {dropOfCounter} from './drops.ts'
export {nodeOfCounter} from './node-nat.ts'
export {createPlan, type PlanInput, type Planned, plan} from './plan.ts'
export {planRuleset, REMEMBERED_CHAIN, TABLE} from './ruleset.ts'
export {planSysctls} from './sysctls.ts'
