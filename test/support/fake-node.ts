import {
  type Actual,
  type ActualFouPort,
  type ActualLink,
  type ActualNft,
  type ActualNftChain,
  type ActualNftSet,
  type AddressSpec,
  fouPortText,
  hookText,
  type NodeStep,
  ruleHash,
  type SourceRule,
  sourceRuleText,
  sysctlKey,
} from '../../src/model/index.ts'

/** A node that holds state in memory and does what drivers do, for tests of what is decided, not of how it is done. */
export class FakeNode {
  readonly sysctls = new Map<string, string>()
  readonly fouPorts = new Map<string, ActualFouPort>()
  readonly links = new Map<string, ActualLink>()
  readonly addresses = new Map<string, AddressSpec>()
  readonly wireguard = new Map<string, Actual['wireguard'][number]>()
  readonly queues = new Map<string, Actual['queues'][number]>()
  readonly sourceRules = new Map<string, SourceRule>()
  nft: {counters: Set<string>; sets: Map<string, ActualNftSet>; chains: Map<string, ActualNftChain>} | null = null
  bird: string | null = null

  actual(): Actual {
    const nft: ActualNft | null = this.nft && {...this.nft, counters: [...this.nft.counters]}
    return {
      sysctls: new Map(this.sysctls),
      fouPorts: [...this.fouPorts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port),
      links: [...this.links.values()],
      addresses: [...this.addresses.values()],
      wireguard: [...this.wireguard.values()],
      queues: [...this.queues.values()],
      sourceRules: [...this.sourceRules.values()],
      nft,
      bird: this.bird === null ? null : {text: this.bird, loaded: true},
    }
  }

  apply(steps: readonly NodeStep[]): void {
    for (const step of steps) this.#applyOne(step)
  }

  #applyOne(step: NodeStep): void {
    switch (step.driver) {
      case 'sysctl':
        this.sysctls.set(sysctlKey(step.spec), step.spec.value)
        break
      case 'fou':
        if (step.do === 'port-add') this.fouPorts.set(fouPortText(step.port), {...step.port, ours: true})
        else this.fouPorts.delete(fouPortText(step.port))
        break
      case 'netlink':
        this.#netlink(step)
        break
      case 'wireguard': {
        const {device, publicKey, listenPort, peer} = step.spec
        const endpoint = peer.endpoint && `${peer.endpoint.address}:${peer.endpoint.port}`
        this.wireguard.set(device, {device, publicKey, listenPort, peers: [{...peer, endpoint}]})
        break
      }
      case 'nft':
        this.#nft(step)
        break
      case 'bird':
        this.bird = step.text
        break
    }
  }

  #netlink(step: Extract<NodeStep, {driver: 'netlink'}>): void {
    const addressKey = ({device, local, peer}: AddressSpec) => `${device} ${local} ${peer}`
    switch (step.do) {
      case 'link-create':
        if (this.links.has(step.link.name)) throw new Error(`${step.link.name} exists`)
        this.links.set(step.link.name, {name: step.link.name, index: this.links.size, up: true, spec: step.link})
        break
      case 'link-update':
        this.links.set(step.link.name, {...this.links.get(step.link.name)!, up: true, spec: step.link})
        break
      case 'link-delete':
        this.links.delete(step.name)
        for (const [key, {device}] of this.addresses) if (device === step.name) this.addresses.delete(key)
        break
      case 'address-add':
        if (!this.links.has(step.address.device)) throw new Error(`no device ${step.address.device}`)
        this.addresses.set(addressKey(step.address), step.address)
        break
      case 'address-delete':
        this.addresses.delete(addressKey(step.address))
        break
      case 'queue-set':
        this.queues.set(step.queue.device, {...step.queue, ours: true})
        break
      case 'queue-delete':
        this.queues.delete(step.device)
        break
      case 'rule-add':
        this.sourceRules.set(sourceRuleText(step.rule), step.rule)
        break
      case 'rule-delete':
        this.sourceRules.delete(sourceRuleText(step.rule))
        break
    }
  }

  #nft(step: Extract<NodeStep, {driver: 'nft'}>): void {
    this.nft ??= {counters: new Set(), sets: new Map(), chains: new Map()}
    const {counters, sets, chains} = this.nft
    switch (step.do) {
      case 'counter-add':
        counters.add(step.name)
        break
      case 'counter-delete':
        counters.delete(step.name)
        break
      case 'set-add': {
        const {name, setKey: key, value, interval, size} = step
        sets.set(name, {name, key, value, interval, elements: new Map(), ...(size === undefined ? {} : {size})})
        break
      }
      case 'set-delete':
        sets.delete(step.name)
        break
      case 'chain-set':
        chains.set(step.name, {
          name: step.name,
          hook: step.hook && hookText(step.hook),
          rules: step.rules.map(ruleHash),
        })
        break
      case 'chain-delete':
        chains.delete(step.name)
        break
      case 'elements': {
        const set = sets.get(step.set)
        if (!set) throw new Error(`no set ${step.set}`)
        const elements = new Map(set.elements)
        for (const key of step.delete.keys()) {
          if (!elements.delete(key)) throw new Error(`no element ${key} in ${step.set}`)
        }
        for (const [key, value] of step.add) {
          if (elements.has(key)) throw new Error(`element ${key} is in ${step.set}`)
          elements.set(key, value)
        }
        sets.set(step.set, {...set, elements})
        break
      }
    }
  }
}
