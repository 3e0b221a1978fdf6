import {partsOf} from './parts.ts'
import {changeCost} from './policy/change-cost.ts'
import {compileCost} from './policy/compile-cost.ts'
import {floor} from './policy/floor.ts'
import {forwarding} from './policy/forwarding.ts'
import {traceCost} from './policy/trace-cost.ts'

/** What global policy costs: to compile, to change, to pass packets, to ask. docs/performance.md says how it is taken. */
export const bench = partsOf('policy', {
  compile: compileCost,
  change: changeCost,
  forwarding,
  floor,
  trace: traceCost,
})
