import type {NftStep, UdpPorts} from '../../model/index.ts'
import {type FastPath, isOfJudgement} from '../fast-path/index.ts'
import type {Held} from './held.ts'

/** What the driver of the table needs of the fast path. */
export type DriverFastPath = Omit<FastPath, 'missing' | 'size' | 'packets' | 'judgedPackets' | 'close'>

export const NO_FAST_PATH: DriverFastPath = {
  takeOver: async () => undefined,
  devices: async () => [],
  follow: async () => undefined,
  shut: () => undefined,
  open: () => undefined,
  forgetJudgement: () => undefined,
  loadJudgement: async () => undefined,
  changeJudgement: async () => undefined,
  setPorts: () => undefined,
  judges: () => false,
}

type FastPathStep = Extract<NftStep, {do: 'fast-path' | 'udp-ports'}>

/** They are nothing of the table, and come behind its transaction. */
export const isOfFastPath = (step: NftStep): step is FastPathStep => step.do === 'fast-path' || step.do === 'udp-ports'

/** From here on it judges by these, and by what the table has; null: it does not judge. It must be shut. */
export async function takeUpPorts(fastPath: DriverFastPath, ports: UdpPorts | null, held: Held | null): Promise<void> {
  if (ports) await fastPath.loadJudgement(held?.sets ?? new Map())
  fastPath.setPorts(ports)
  if (held) held.udpPorts = ports
}

/** What flows are trusted by, and all else that they have passed, is as it was. */
export const isJudgementAlone = (steps: readonly NftStep[]): boolean =>
  steps.every((step) => step.do === 'elements' && isOfJudgement(step.set))

/** The fast path judges by what the table has now. */
export async function followJudgement(fastPath: DriverFastPath, steps: readonly NftStep[]): Promise<void> {
  const isAnew = steps.some((step) => (step.do === 'set-add' || step.do === 'set-delete') && isOfJudgement(step.name))
  if (isAnew) fastPath.forgetJudgement()
  for (const step of steps) if (step.do === 'elements') await fastPath.changeJudgement(step.set, step)
}
