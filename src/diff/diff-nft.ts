import {
  type ActualNft,
  type ActualNftChain,
  type ActualNftSet,
  hookText,
  type NftChain,
  type NftSet,
  type NftStep,
  type NftTable,
  ruleHashes,
  stepKey,
} from '../model/index.ts'
import {keyedDelta} from './keyed-delta.ts'

const NOTHING: ActualNft = {counters: [], sets: new Map(), chains: new Map()}

/**
 * The table against what the kernel holds of it (null: no table). All steps are one transaction, so they carry no
 * `needs`; the driver orders declarations before uses. Costs a look-up an element (about 100 ns), or for a set that
 * names its version and what it differs in from the one in force, a look-up a changed key.
 */
export function diffNft(wanted: NftTable, held: ActualNft | null): NftStep[] {
  const actual = held ?? NOTHING
  const steps: NftStep[] = []
  const why = held === null ? 'no table' : 'missing'

  const counters = new Set(actual.counters)
  for (const name of wanted.counters) {
    if (!counters.delete(name)) steps.push({...base(`counter ${name}`, why), do: 'counter-add', name})
  }
  for (const name of counters) steps.push({...base(`counter ${name}`, 'no longer wanted'), do: 'counter-delete', name})

  const chains = chainDelta(wanted.chains, actual)
  for (const [name, {hook, rules}] of chains.create)
    steps.push({...base(`chain ${name}`, why), do: 'chain-set', name, hook, rules})
  for (const [name, want, have] of chains.update) {
    const reason = chainChange(want, have)
    if (hookOf(want) !== have.hook) steps.push({...base(`chain ${name} old`, reason), do: 'chain-delete', name})
    steps.push({...base(`chain ${name}`, reason), do: 'chain-set', name, hook: want.hook, rules: want.rules})
  }
  for (const [name] of chains.delete)
    steps.push({...base(`chain ${name}`, 'no longer wanted'), do: 'chain-delete', name})

  const sets = keyedDelta(wanted.sets, actual.sets, sameDeclaration)
  for (const [, set] of sets.create) steps.push(declare(set, why), ...elements(set, NO_ELEMENTS))
  for (const [name, set] of sets.update) {
    const reason = 'declared otherwise'
    steps.push(
      {...base(`set ${name} old`, reason), do: 'set-delete', name},
      declare(set, reason),
      ...elements(set, NO_ELEMENTS),
    )
  }
  for (const [name] of sets.delete) steps.push({...base(`set ${name}`, 'no longer wanted'), do: 'set-delete', name})
  const remade = new Set([...sets.create, ...sets.update].map(([name]) => name))
  for (const [name, set] of wanted.sets) {
    if (!remade.has(name)) steps.push(...elements(set, actual.sets.get(name) ?? NO_ELEMENTS))
  }
  const [fast, isFast] = [wanted.fastPath ?? [], actual.fastPath ?? []].map((devices) => [...devices].sort().join(' '))
  if (fast !== isFast) {
    const reason = `devices ${isFast || 'none'} ⇒ ${fast || 'none'}`
    steps.push({...base('fast path', reason), do: 'fast-path', devices: wanted.fastPath ?? []})
  }
  const [ports, havePorts] = [wanted.udpPorts ?? null, actual.udpPorts ?? null]
  if (ports !== havePorts) {
    const reason = ports ? `ports of ${ports.size} targets` : 'judged by the table alone'
    steps.push({...base('udp ports', reason), do: 'udp-ports', ports})
  }
  return steps
}

function base(text: string, reason: string) {
  return {key: stepKey(`nft ${text}`), needs: [], reason, driver: 'nft'} as const
}

function declare(set: NftSet, reason: string): NftStep {
  const {name, key, value, interval, dynamic, size} = set
  const more = {...(dynamic ? {dynamic} : {}), ...(size === undefined ? {} : {size})}
  return {...base(`set ${name}`, reason), do: 'set-add', name, setKey: key, value, interval, ...more}
}

type HeldElements = Pick<ActualNftSet, 'elements' | 'reached'>
const NO_ELEMENTS: HeldElements = {elements: new Map()}

/** Versions that held sets were found equal to; a held set whose elements change is another object (`HeldSet`). */
const seenEqual = new WeakMap<HeldElements, object>()

const wholeDelta = (wanted: ReadonlyMap<string, string>, held: ReadonlyMap<string, string>) =>
  keyedDelta(wanted, held, (want, have) => want === have)

/** Where all other keys are known to be equal. */
function keyDelta(
  keys: readonly string[],
  wanted: ReadonlyMap<string, string>,
  held: ReadonlyMap<string, string>,
): ReturnType<typeof wholeDelta> {
  const part = (elements: ReadonlyMap<string, string>): Map<string, string> =>
    new Map(
      keys.flatMap((key) => {
        const value = elements.get(key)
        return value === undefined ? [] : [[key, value] as const]
      }),
    )
  return wholeDelta(part(wanted), part(held))
}

function elements(set: NftSet, held: HeldElements): NftStep[] {
  // Equal elements may have several names: the one they were brought to, and one that was found equal since.
  const isAt = (version: object): boolean => held.reached === version || seenEqual.get(held) === version
  if (set.external || (set.version && isAt(set.version))) return []
  // Of a million there need be no second list.
  if (held.elements.size === 0 && set.elements.size > 0) return [change(set, set.elements, NO_ELEMENTS.elements)]
  const known = set.since && isAt(set.since.version) ? set.since.keys : null
  const delta = known ? keyDelta(known, set.elements, held.elements) : wholeDelta(set.elements, held.elements)
  if (delta.create.length + delta.update.length + delta.delete.length === 0) {
    if (set.version) seenEqual.set(held, set.version)
    return []
  }
  const add = new Map([...delta.create, ...delta.update].map(([key, value]) => [key, value]))
  const gone = new Map([...delta.update.map(([key, , old]) => [key, old] as const), ...delta.delete])
  return [change(set, add, gone)]
}

type Elements = ReadonlyMap<string, string>

const change = ({name, version}: NftSet, add: Elements, gone: Elements): NftStep => ({
  ...base(`elements ${name}`, `${add.size} to add, ${gone.size} to delete`),
  do: 'elements',
  set: name,
  add,
  delete: gone,
  ...(version ? {reaches: version} : {}),
})

const sameDeclaration = (want: NftSet, have: ActualNftSet): boolean =>
  want.key === have.key &&
  want.value === have.value &&
  want.interval === have.interval &&
  (want.size === undefined || want.size === have.size)

const hookOf = (chain: NftChain): string | null => (chain.hook ? hookText(chain.hook) : null)

const NO_DELTA: ReturnType<typeof allChains> = {create: [], update: [], delete: []}
const allChains = (wanted: NftTable['chains'], held: ActualNft['chains']) => keyedDelta(wanted, held, isSameChain)
/** Versions of held chains that wanted ones were found equal to. */
const seenAll = new WeakMap<NftTable['chains'], object>()

function chainDelta(wanted: NftTable['chains'], {chains, chainsVersion}: ActualNft): ReturnType<typeof allChains> {
  if (chainsVersion && seenAll.get(wanted) === chainsVersion) return NO_DELTA
  const delta = allChains(wanted, chains)
  if (chainsVersion && delta.create.length + delta.update.length + delta.delete.length === 0) {
    seenAll.set(wanted, chainsVersion)
  }
  return delta
}

const isSameChain = (want: NftChain, have: ActualNftChain): boolean =>
  (want.hook === null && want.rules === have.texts) || chainChange(want, have) === ''

/** Why the chain that is there will not do; empty when it will. */
function chainChange(want: NftChain, have: ActualNftChain): string {
  if (hookOf(want) !== have.hook) return `hook ${have.hook} ⇒ ${hookOf(want)}`
  const rules = ruleHashes(want.rules)
  if (rules === have.rules) return ''
  if (rules.length !== have.rules.length) return `${have.rules.length} rules ⇒ ${rules.length}`
  return rules.every((hash, index) => hash === have.rules[index]) ? '' : 'rules differ'
}
