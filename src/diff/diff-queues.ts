import {type ActualQueue, type Finding, type NetlinkStep, type QueueSpec, stepKey} from '../model/index.ts'

/** Root queues of uplinks: those that are wanted and somebody else has not taken, and no other one of ours. */
export function diffQueues(wanted: readonly QueueSpec[], held: readonly ActualQueue[]): NetlinkStep[] {
  const base = {needs: [], driver: 'netlink'} as const
  const ours = new Map(held.flatMap((queue) => (queue.ours ? [[queue.device, queue]] : [])))
  const foreign = new Set(held.flatMap((queue) => (queue.ours ? [] : [queue.device])))
  const steps: NetlinkStep[] = []
  for (const queue of wanted) {
    const have = ours.get(queue.device)
    ours.delete(queue.device)
    if (foreign.has(queue.device) || have?.rateMbit === queue.rateMbit) continue
    const reason = have ? `${have.rateMbit ?? 'other classes'} ⇒ ${queue.rateMbit} Mbit/s` : 'missing'
    steps.push({...base, key: stepKey(`queue ${queue.device}`), reason, do: 'queue-set', queue})
  }
  for (const device of ours.keys()) {
    const key = stepKey(`unqueue ${device}`)
    steps.push({...base, key, reason: 'no longer wanted', do: 'queue-delete', device})
  }
  return steps
}

/** An uplink whose device has a queue of somebody else's: it stays, and control is put first only if that one does it. */
export function foreignQueues(wanted: readonly QueueSpec[], held: readonly ActualQueue[]): Finding[] {
  return held.flatMap((queue): Finding[] => {
    const spec = wanted.find(({device}) => device === queue.device)
    if (queue.ours || !spec) return []
    return [
      {
        code: 'queue-foreign',
        severity: 'warning',
        where: {source: 'kernel', key: `device ${queue.device}`},
        detail: `its root queue is ${queue.kind}, which somebody else has set, so ${spec.rateMbit} Mbit/s are not kept and control is not put first`,
        remedy: `tc qdisc del dev ${queue.device} root, or take rateMbit out of the uplink and let that queue put DSCP CS6 first`,
      },
    ]
  })
}
