import {
  type ActualFouPort,
  type Driver,
  type FouPort,
  type FouStep,
  fouPortText,
  type Outcome,
} from '../../model/index.ts'
import {outcomeOf, StepFailure} from '../failure.ts'
import {DUMP, openGenericFamily} from '../netlink/generic.ts'
import {fouMessage, parseFou} from './message.ts'

/** linux/fou.h */
const [ADD, DELETE, GET] = [1, 2, 3]
const VERSION = 1

/** Which ports were made here since the machine booted: a port itself bears no sign of who made it. */
export interface FouLedger {
  read(): Promise<readonly FouPort[]>
  write(ports: readonly FouPort[]): Promise<void>
}

export interface FouDriver extends Driver<readonly ActualFouPort[], FouStep> {
  close(): void
}

/**
 * UDP ports at which the kernel unpacks tunnels, by generic netlink. The ledger is written before a port is made and after
 * it is gone, so that no port of ours is ever taken for a stranger's; a stranger's is neither changed nor removed.
 */
export function createFouDriver(ledger: FouLedger): FouDriver {
  const family = openGenericFamily('fou', VERSION)
  let last: Promise<unknown> = Promise.resolve()

  function queued<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }

  /** A kernel that has not loaded the module holds no port, and need not load it to say so. */
  async function held(): Promise<Map<string, FouPort>> {
    if (!(await family.isThere())) return new Map()
    const found = (await family.request(GET, Buffer.alloc(0), DUMP)).flatMap((message) => parseFou(message) ?? [])
    return new Map(found.map((port) => [fouPortText(port), port]))
  }

  const others = (ports: readonly FouPort[], port: FouPort): FouPort[] =>
    ports.filter((one) => fouPortText(one) !== fouPortText(port))

  async function add(port: FouPort): Promise<void> {
    await family.load()
    if ((await held()).has(fouPortText(port))) return
    const noted = await ledger.read()
    await ledger.write([...others(noted, port), port])
    try {
      await family.request(ADD, fouMessage(port))
    } catch (error) {
      await ledger.write(others(noted, port))
      if (!(error instanceof StepFailure)) throw error
      throw new StepFailure(error.code, `UDP port ${port.port} of ${port.local} cannot be had: ${error.message}`)
    }
  }

  async function remove(port: FouPort): Promise<void> {
    const noted = await ledger.read()
    if (!noted.some((one) => fouPortText(one) === fouPortText(port))) return
    if ((await held()).has(fouPortText(port))) await family.request(DELETE, fouMessage(port))
    await ledger.write(others(noted, port))
  }

  return {
    name: 'fou',
    atomic: false,

    read: (signal) =>
      queued(async () => {
        signal.throwIfAborted()
        const ports = [...(await held()).values()]
        const ours = new Set(ports.length > 0 ? (await ledger.read()).map(fouPortText) : [])
        return ports
          .map((port) => ({...port, ours: ours.has(fouPortText(port))}))
          .sort((a, b) => (fouPortText(a) < fouPortText(b) ? -1 : 1))
      }),

    apply: (steps, signal) =>
      queued(async () => {
        const outcomes: Outcome[] = []
        for (const step of steps) {
          signal.throwIfAborted()
          outcomes.push(await outcomeOf(step.key, () => (step.do === 'port-add' ? add : remove)(step.port)))
        }
        return outcomes
      }),

    close: () => family.close(),
  }
}
