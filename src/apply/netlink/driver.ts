import {
  type ActualLink,
  type ActualQueue,
  type AddressSpec,
  DEVICE_PREFIX,
  type Driver,
  type LinkSpec,
  type NetlinkStep,
  type Outcome,
  type SourceRule,
} from '../../model/index.ts'
import {outcomeOf, StepFailure} from '../failure.ts'
import {createDeviceNames} from './device-names.ts'
import {
  addressMessage,
  allAddresses,
  allLinks,
  type KernelAddress,
  type KernelLink,
  linkCreate,
  linkIndexed,
  linkNamed,
  linkUpdate,
  parseAddressMessage,
  parseLink,
  RTM,
} from './messages.ts'
import {subscribe} from './notifications.ts'
import {deleteQueue, RTM_CLASS, readQueues, setQueue, tellsOfQueue} from './queues.ts'
import {NetlinkFailure} from './request-queue.ts'
import {addRule, deleteRule, RTM_RULE, readRules, tellsOfRule} from './rules.ts'
import {CREATE, EXCLUSIVE, GROUP, RouteSocket} from './socket.ts'
import {RTM_QDISC} from './traffic-control.ts'

export interface NetlinkPart {
  readonly links: readonly ActualLink[]
  readonly addresses: readonly AddressSpec[]
  readonly queues: readonly ActualQueue[]
  readonly sourceRules: readonly SourceRule[]
}

export interface NetlinkDriver extends Driver<NetlinkPart, NetlinkStep> {
  /** Calls back with `link NAME`, `queue`, `rule` or `address DEVICE` after a change of one of ours, by whomever; returns the end of it. */
  watch(onChange: (what: string) => void): () => void
  close(): void
}

/**
 * Devices, addresses, uplinks' queues and rules by source, by rtnetlink, in the network namespace of the process.
 *
 * Ours is a device whose name begins with `is-` and whose alias begins with `isthmus `. The kernel takes no alias when
 * it makes a device, so a device is made down and in a group of its own, and gets alias, group 0 and up in one second
 * message: one that we were killed over is still known as ours.
 */
export function createNetlinkDriver(): NetlinkDriver {
  const socket = new RouteSocket()
  /** Devices that had a queue at the last read. */
  let shaped: ReadonlySet<string> = new Set()

  const find = async (name: string): Promise<KernelLink | null> => {
    const message = await socket.get(RTM.getLink, linkNamed(name))
    return message && parseLink(message)
  }

  const addresses = async (): Promise<KernelAddress[]> =>
    (await socket.dump(RTM.getAddress, allAddresses())).map(parseAddressMessage).filter((found) => found !== null)

  const remove = (link: KernelLink) => ignore('missing', socket.change(RTM.delLink, linkIndexed(link.index)))

  async function create(link: LinkSpec): Promise<void> {
    if (!link.name.startsWith(DEVICE_PREFIX)) throw new StepFailure('refused', `${link.name} is no name of ours`)
    const held = await find(link.name)
    if (held?.ours && same(held.actual, link)) return
    if (held?.halfMade) await remove(held)
    else if (held) throw new StepFailure('exists', `device ${link.name} exists and is not the one that is wanted`)
    try {
      await socket.change(RTM.newLink, linkCreate(link), CREATE | EXCLUSIVE)
    } catch (error) {
      if (error instanceof NetlinkFailure && error.code === 'unsupported') {
        throw new StepFailure('unsupported', `the kernel has no module ${link.kind}: ${error.message}`)
      }
      throw error
    }
    const made = await find(link.name)
    if (!made) throw new StepFailure('missing', `device ${link.name} went away while it was made`)
    try {
      await socket.change(RTM.newLink, linkUpdate(made.index, link))
    } catch (error) {
      await remove(made)
      throw error
    }
  }

  async function update(link: LinkSpec): Promise<void> {
    const held = await find(link.name)
    if (!held?.ours) throw new StepFailure('missing', `no device ${link.name} of ours`)
    const before = held.actual.spec
    const isOther = fouOf(before) !== fouOf(link)
    // What is sent in UDP is larger, so packets are smaller first.
    if (isOther && before && link.mtu < before.mtu) await socket.change(RTM.newLink, linkUpdate(held.index, link))
    await socket.change(RTM.newLink, linkUpdate(held.index, link, isOther))
  }

  async function addAddress(spec: AddressSpec): Promise<void> {
    const held = await find(spec.device)
    if (!held?.ours) throw new StepFailure('missing', `no device ${spec.device} of ours`)
    try {
      await socket.change(RTM.newAddress, addressMessage(held.index, spec), CREATE | EXCLUSIVE)
    } catch (error) {
      if (!(error instanceof NetlinkFailure) || error.code !== 'exists') throw error
      if (!(await addresses()).some((found) => found.index === held.index && sameAddress(found, spec))) throw error
    }
  }

  async function deleteAddress(spec: AddressSpec): Promise<void> {
    const held = await find(spec.device)
    if (!held?.ours) return
    for (const found of await addresses()) {
      if (found.index !== held.index || !sameAddress(found, spec)) continue
      await ignore('missing', socket.change(RTM.delAddress, addressMessage(found.index, found, found.prefixLength)))
    }
  }

  async function applyOne(step: NetlinkStep): Promise<void> {
    switch (step.do) {
      case 'link-create':
        return create(step.link)
      case 'link-update':
        return update(step.link)
      case 'link-delete': {
        // A device of that name that is not ours is none to us: nothing to delete.
        const held = await find(step.name)
        if (held && (held.ours || held.halfMade)) await remove(held)
        return
      }
      case 'address-add':
        return addAddress(step.address)
      case 'address-delete':
        return deleteAddress(step.address)
      case 'queue-set': {
        const held = await find(step.queue.device)
        if (!held) throw new StepFailure('missing', `no device ${step.queue.device}`)
        return setQueue(socket, held.index, step.queue)
      }
      case 'queue-delete': {
        const held = await find(step.device)
        if (held) await deleteQueue(socket, held.index)
        return
      }
      case 'rule-add':
        return addRule(socket, step.rule)
      case 'rule-delete':
        return deleteRule(socket, step.rule)
    }
  }

  return {
    name: 'netlink',
    atomic: false,

    async read(signal) {
      signal.throwIfAborted()
      const all = (await socket.dump(RTM.getLink, allLinks())).map(parseLink)
      const ours = all.filter((link) => link.ours || link.halfMade)
      const queues = await readQueues(socket, new Map(all.map(({index, name}) => [index, name])))
      shaped = new Set(queues.map(({device}) => device))
      const names = new Map(ours.map(({index, name}) => [index, name]))
      const held = (await addresses()).flatMap(({index, local, peer, automatic}): AddressSpec[] => {
        const device = names.get(index)
        return device === undefined || automatic ? [] : [{device, local, peer}]
      })
      const links = ours.map(({actual, halfMade}) => (halfMade ? {...actual, spec: null} : actual))
      return {links, addresses: held, queues, sourceRules: await readRules(socket)}
    },

    async apply(steps, signal) {
      const outcomes: Outcome[] = []
      for (const step of steps) {
        signal.throwIfAborted()
        outcomes.push(await outcomeOf(step.key, () => applyOne(step)))
      }
      return outcomes
    },

    watch(onChange) {
      const names = createDeviceNames()
      const groups = [GROUP.link, GROUP.queue, GROUP.ipv4Address, GROUP.ipv6Address, GROUP.ipv4Rule, GROUP.ipv6Rule]
      return subscribe(groups, (message) => {
        if (message === null) {
          names.forget()
          return onChange('netlink notifications lost')
        }
        if (message.type === RTM.newLink || message.type === RTM.delLink) {
          const {index, name} = parseLink(message.data)
          const ours = names
            .note(index, name, message.type === RTM.delLink)
            .filter((one) => one.startsWith(DEVICE_PREFIX))
          for (const one of ours) onChange(`link ${one}`)
          // With its device it goes without a word.
          if (message.type === RTM.delLink && shaped.has(name)) onChange('queue')
        } else if (QUEUES.has(message.type)) {
          if (tellsOfQueue(message.type, message.data)) onChange('queue')
        } else if (message.type === RTM_RULE.new || message.type === RTM_RULE.delete) {
          if (tellsOfRule(message.data)) onChange('rule')
        } else if (message.type === RTM.newAddress || message.type === RTM.delAddress) {
          const found = parseAddressMessage(message.data)
          // Unknown index: a device from before the watch; better asked once too often.
          const name = found ? (names.of(found.index) ?? `of device ${found.index}`) : 'unknown'
          if (found?.automatic !== true && !foreign(name)) onChange(`address ${name}`)
        }
      })
    },

    close: () => socket.close(),
  }
}

const QUEUES: ReadonlySet<number> = new Set([RTM_QDISC.new, RTM_QDISC.delete, RTM_CLASS.new, RTM_CLASS.delete])

const foreign = (name: string): boolean => !name.startsWith(DEVICE_PREFIX) && !name.startsWith('of device')

const sameAddress = (found: Pick<AddressSpec, 'local' | 'peer'>, spec: AddressSpec): boolean =>
  found.local === spec.local && found.peer === spec.peer

const fouOf = (link: LinkSpec | null): number | undefined => (link && 'fou' in link ? link.fou : undefined)

/** Specs are flat and their keys few: compared by what either has. */
function same({spec, up}: ActualLink, wanted: LinkSpec): boolean {
  if (!spec || !up) return false
  const left = Object.entries(spec).sort()
  const right = Object.entries(wanted).sort()
  return JSON.stringify(left) === JSON.stringify(right)
}

async function ignore(code: StepFailure['code'], work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof StepFailure) || error.code !== code) throw error
  }
}
