/**
 * Every check of `isthmus diagnose` that judges facts by itself, from the bottom up, a file a theme.
 *
 *     Facts ─► Check.judge ─► evidence and what is wrong, or why nothing could be looked at ─► CheckReport
 *
 * A check is a value: its code, what it looks at, what may bring it along, and a pure function. One check has one code and
 * one code one check, so that a code is what `--only` takes, what a runbook points at and what the lab breaks. Which trouble
 * brings which along is data too (`follows`): a report says of a finding what else it may come of, and the lab holds it to that.
 */
import type {Check} from '../check.ts'
import {CALICO_CHECKS} from './calico.ts'
import {DEVICE_CHECKS} from './devices.ts'
import {FILE_CHECKS} from './files.ts'
import {FILTER_CHECKS} from './filters.ts'
import {KERNEL_CHECKS} from './kernel.ts'
import {MACHINE_CHECKS} from './machine.ts'
import {POLICY_CHECKS} from './policy.ts'
import {ROUTING_CHECKS} from './routing.ts'
import {TWIN_CHECKS} from './twins.ts'
import {UNDERLAY_CHECKS} from './underlay.ts'

export {OTHERS_FOLLOW} from './cut-off.ts'
export {neededModules} from './kernel.ts'

export const CHECKS: readonly Check[] = [
  ...MACHINE_CHECKS,
  ...FILE_CHECKS,
  ...KERNEL_CHECKS,
  ...DEVICE_CHECKS,
  ...UNDERLAY_CHECKS,
  ...ROUTING_CHECKS,
  ...FILTER_CHECKS,
  ...CALICO_CHECKS,
  ...POLICY_CHECKS,
  ...TWIN_CHECKS,
]
