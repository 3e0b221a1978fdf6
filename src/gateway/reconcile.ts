import type {Driver, NodeStep, Outcome, StepKey} from '../model/index.ts'

type NodeDriver = NodeStep['driver']

/** The node's drivers by name, as far as `apply` goes: what each reads is of its own type. */
export type Appliers = {readonly [N in NodeDriver]: Pick<Driver<unknown, Extract<NodeStep, {driver: N}>>, 'apply'>}

/**
 * Applies the steps in their order, one driver at a time. One bad step does not stop its neighbours: left out, as
 * `skipped`, is only what needs it. The outcomes are in the order of the steps.
 */
export async function applySteps(
  steps: readonly NodeStep[],
  appliers: Appliers,
  signal: AbortSignal,
): Promise<ReadonlyMap<StepKey, Outcome>> {
  const outcomes = new Map<StepKey, Outcome>()
  for (const batch of batches(steps)) {
    signal.throwIfAborted()
    const ready: NodeStep[] = []
    for (const step of batch) {
      const broken = step.needs.find((key) => outcomes.get(key)?.ok === false)
      if (broken === undefined) ready.push(step)
      else outcomes.set(step.key, {ok: false, step: step.key, code: 'skipped', cause: `needs ${broken}, which failed`})
    }
    for (const outcome of await applyBatch(ready, appliers, signal)) outcomes.set(outcome.step, outcome)
  }
  return outcomes
}

/** Runs of one driver; a step that needs another of the same run starts a new one, so that it can see how that went. */
function batches(steps: readonly NodeStep[]): NodeStep[][] {
  const result: NodeStep[][] = []
  for (const step of steps) {
    const last = result.at(-1)
    const fits = last?.[0]?.driver === step.driver && !last.some(({key}) => step.needs.includes(key))
    if (last && fits) last.push(step)
    else result.push([step])
  }
  return result
}

async function applyBatch(
  steps: readonly NodeStep[],
  appliers: Appliers,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const of = <N extends NodeDriver>(driver: N) =>
    steps.filter((step): step is Extract<NodeStep, {driver: N}> => step.driver === driver)
  switch (steps[0]?.driver) {
    case undefined:
      return []
    case 'sysctl':
      return appliers.sysctl.apply(of('sysctl'), signal)
    case 'fou':
      return appliers.fou.apply(of('fou'), signal)
    case 'nft':
      return appliers.nft.apply(of('nft'), signal)
    case 'netlink':
      return appliers.netlink.apply(of('netlink'), signal)
    case 'wireguard':
      return appliers.wireguard.apply(of('wireguard'), signal)
    case 'bird':
      return appliers.bird.apply(of('bird'), signal)
  }
}
