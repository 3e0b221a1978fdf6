import {slowness} from '../environment.ts'
import type {Check} from '../scenario/schema.ts'
import type {World} from '../world.ts'
import {lookConsistent} from './consistency.ts'
import {lookCapture, lookExec, lookMetric, lookRoutes, lookStatus} from './observations.ts'
import {lookCounts} from './policy-counts.ts'
import {lookMatrix, lookPing, lookTcp} from './probes.ts'
import {lookUntil, type Seen} from './result.ts'

export function look(world: World, check: Check): Promise<Seen> {
  if ('ping' in check) return lookPing(world, check)
  if ('tcp' in check) return lookTcp(world, check)
  if ('matrix' in check) return lookMatrix(world, check)
  if ('capture' in check) return lookCapture(world, check)
  if ('routes' in check) return lookRoutes(world, check)
  if ('metric' in check) return lookMetric(world, check)
  if ('counts' in check) return lookCounts(world, check)
  if ('status' in check) return lookStatus(world, check)
  if ('consistent' in check) return lookConsistent(world, check)
  return lookExec(world, check)
}

/** Looks until the check holds or its time is over. */
export function runCheck(world: World, check: Check): Promise<Seen> {
  const withinMs = ('withinMs' in check ? (check.withinMs ?? 0) : 0) * slowness()
  return lookUntil(() => look(world, check), withinMs)
}
