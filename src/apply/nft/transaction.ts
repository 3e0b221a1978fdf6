import {concatSeparator, hookText, type NftStep, ruleHashes, type StepKey} from '../../model/index.ts'
import {StepFailure} from '../failure.ts'
import {
  CURRENT_MAP,
  changedWays,
  currentElements,
  FAMILY,
  GENERATION_SET,
  generationMark,
  generationScript,
  isWays,
  WAYS_SET,
  WAYS_SIZE,
} from './generation.ts'
import type {Held, HeldSet} from './held.ts'

/** One line of a script and the step that it belongs to. */
export interface ScriptLine {
  readonly text: string
  readonly step: StepKey | null
}

export interface TransactionInput {
  readonly table: string
  readonly steps: readonly NftStep[]
  /** Null when the kernel has no such table. */
  readonly held: Held | null
  readonly generation: number
  /** Rules of chains as nft lists them; needed when `redeclares` says so. */
  readonly ruleTexts: ReadonlyMap<string, readonly string[]>
}

/** Made at boot by appliance/debian/base.nft, before any device is up. */
const BASE_TABLE = 'isthmus_base'

/** A step that cannot be written as script; libnftables 1.0.6 can crash on some of these. */
export class BadStep extends StepFailure {
  readonly step: StepKey

  constructor(step: StepKey, cause: string) {
    super('refused', cause)
    this.step = step
  }
}

/** Whether a set is made anew under its name: then the rules of all other chains must be lifted off it for a moment. */
export function redeclares(steps: readonly NftStep[], held: Held | null): boolean {
  return steps.some((step) => step.do === 'set-delete' && held?.sets.has(step.name) && addsSet(steps, step.name))
}

const addsSet = (steps: readonly NftStep[], name: string) =>
  steps.some((step) => step.do === 'set-add' && step.name === name)

/**
 * One script for all steps, in an order that always works, whatever the order of the steps:
 *
 *     declare counters, sets, chains ─► flush the rules that change ─► elements off ─► sets and chains off, and again
 *     under the same name where they change kind ─► rules on ─► elements on ─► counters off
 *
 * Nothing is referred to before it is declared, nothing is removed that is referred to. What already is as a step wants
 * it gives no line, so steps may be applied twice.
 */
export function composeTransaction(input: TransactionInput): ScriptLine[] {
  const {table, steps, held, generation, ruleTexts} = input
  const lines: ScriptLine[] = []
  const put = (text: string, step: NftStep | null = null): void => {
    lines.push({text, step: step?.key ?? null})
  }
  const of = <D extends NftStep['do']>(kind: D) =>
    steps.filter((step): step is Extract<NftStep, {do: D}> => step.do === kind)
  const place = `${FAMILY} ${table}`
  const goingSets = new Set(of('set-delete').flatMap(({name}) => (held?.sets.has(name) ? [name] : [])))
  const goingChains = new Set(of('chain-delete').flatMap(({name}) => (held?.chains.has(name) ? [name] : [])))
  const chainSets = of('chain-set').filter((step) => goingChains.has(step.name) || !holdsChain(held, step))
  // Elements of ways bear the generation's number, and are written with it, all of them.
  const elementSteps = of('elements').filter((step) => !isWays(step.set))
  const setAdds = of('set-add').filter((step) => goingSets.has(step.name) || !holdsSet(held, step))

  if (!held) {
    // What kept the machine shut since it booted goes in the moment in which this table takes its place.
    for (const verb of ['add', 'delete']) put(`${verb} table ${FAMILY} ${BASE_TABLE}`)
    put(`add table ${place}`)
  }
  for (const step of of('counter-add')) if (!held?.hasCounter(step.name)) put(`add counter ${place} ${step.name}`, step)
  for (const step of setAdds) if (!goingSets.has(step.name)) putSet(step)
  for (const step of chainSets) if (!goingChains.has(step.name)) putChain(step)

  for (const step of chainSets) {
    if (held?.chains.has(step.name) && !goingChains.has(step.name)) put(`flush chain ${place} ${step.name}`, step)
  }
  for (const step of of('chain-delete')) {
    if (goingChains.has(step.name)) put(`flush chain ${place} ${step.name}`, step)
  }
  const lifted = redeclares(steps, held) ? untouchedChains() : []
  for (const [name] of lifted) put(`flush chain ${place} ${name}`)

  const contents = elementSteps.map((step) => {
    const set = goingSets.has(step.set) ? undefined : held?.sets.get(step.set)
    return {step, ...(set ? rewritten(set, elementChanges(step, set.elements)) : elementChanges(step, new Map()))}
  })
  for (const {step, gone} of contents) {
    if (gone === 'all') put(`flush ${kindOf(held!.sets.get(step.set)!)} ${place} ${step.set}`, step)
    else putElements('delete', step, gone)
  }
  for (const step of of('set-delete')) if (goingSets.has(step.name)) put(`delete set ${place} ${step.name}`, step)
  for (const step of of('chain-delete')) {
    if (goingChains.has(step.name)) put(`delete chain ${place} ${step.name}`, step)
  }
  for (const step of setAdds) if (goingSets.has(step.name)) putSet(step)
  for (const step of chainSets) if (goingChains.has(step.name)) putChain(step)

  for (const step of chainSets) {
    const hashes = ruleHashes(step.rules)
    for (const [index, rule] of step.rules.entries()) {
      if (rule.includes('\n')) throw new BadStep(step.key, `a rule of more than one line: ${rule}`)
      put(`add rule ${place} ${step.name} ${rule} comment "${hashes[index]}"`, step)
    }
  }
  for (const [name, rules] of lifted) for (const rule of rules) put(`add rule ${place} ${name} ${rule}`)
  for (const {step, come} of contents) putElements('add', step, come)
  const ways = changedWays(held, steps)
  if (ways) for (const text of generationScript(table, generation, ways).split('\n')) put(text)
  for (const step of of('counter-delete')) {
    if (held?.hasCounter(step.name)) put(`delete counter ${place} ${step.name}`, step)
  }
  return lines

  function putSet(step: Extract<NftStep, {do: 'set-add'}>): void {
    const {name, setKey, value, interval, dynamic} = step
    const type = value === null ? setKey : `${setKey} : ${value}`
    // With a size the kernel takes a hash table of fixed size, which is faster to ask.
    const most = step.size ?? (name === WAYS_SET ? WAYS_SIZE : undefined)
    const size = most === undefined ? '' : ` size ${most};`
    const flags = interval ? ' flags interval;' : dynamic ? ' flags dynamic;' : ''
    put(`add ${kindOf(step)} ${place} ${name} { type ${type};${flags}${size} }`, step)
    if (name === GENERATION_SET) put(`add element ${place} ${name} { ${generationMark(generation)} }`, step)
    if (name === CURRENT_MAP)
      put(`add element ${place} ${name} { ${currentElements(generationMark(generation))} }`, step)
  }

  function putChain({name, hook, key}: Extract<NftStep, {do: 'chain-set'}>): void {
    const text = hook && `{ type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy ${hook.policy}; }`
    lines.push({text: `add chain ${place} ${name}${text ? ` ${text}` : ''}`, step: key})
  }

  function putElements(verb: 'add' | 'delete', step: Extract<NftStep, {do: 'elements'}>, elements: Elements): void {
    if (elements.length === 0) return
    const declared = steps.find((other) => other.do === 'set-add' && other.name === step.set)
    const held_ = held?.sets.get(step.set)
    const key = declared?.do === 'set-add' ? declared.setKey : held_?.key
    const value = declared?.do === 'set-add' ? declared.value : held_?.value
    if (key === undefined || value === undefined) throw new BadStep(step.key, `no set ${step.set}`)
    const write = keyWriter(key)
    const texts = elements.map(([name, data]) => {
      if ((value === null) !== (data === ''))
        throw new BadStep(step.key, `element ${name} : ${data} of set ${step.set}`)
      return value === null ? write(name) : `${write(name)} : ${data}`
    })
    put(`${verb} element ${place} ${step.set} { ${texts.join(', ')} }`, step)
  }

  /** Chains that stay as they are, with their rules to be put back. */
  function untouchedChains(): [string, readonly string[]][] {
    const touched = new Set([...chainSets.map(({name}) => name), ...goingChains])
    return [...(held?.chains.keys() ?? [])]
      .filter((name) => !touched.has(name))
      .map((name) => [name, ruleTexts.get(name) ?? []])
  }
}

const kindOf = ({value}: {readonly value: string | null}): 'set' | 'map' => (value === null ? 'set' : 'map')

type Elements = readonly (readonly [string, string])[]

/**
 * Intervals that go and others that come in one transaction: nft 1.0.2 (Ubuntu 22.04) takes what it deletes for still
 * there, and refuses what would overlap with it. So all go, and those that stay come again.
 */
function rewritten(
  {interval, elements}: HeldSet,
  {gone, come}: {readonly gone: Elements; readonly come: Elements},
): {readonly gone: Elements | 'all'; readonly come: Elements} {
  if (!interval || gone.length === 0 || come.length === 0) return {gone, come}
  const after = new Map(elements)
  for (const [key] of gone) after.delete(key)
  for (const [key, value] of come) after.set(key, value)
  return {gone: 'all', come: [...after]}
}

/** What has to go and to come for a step, of what is not so already. */
export function elementChanges(
  step: Extract<NftStep, {do: 'elements'}>,
  elements: ReadonlyMap<string, string>,
): {readonly gone: Elements; readonly come: Elements} {
  const gone: [string, string][] = []
  for (const key of step.delete.keys()) {
    const value = elements.get(key)
    if (value !== undefined && value !== step.add.get(key)) gone.push([key, value])
  }
  // The kernel refuses another value for a key that it has.
  for (const [key, value] of step.add) {
    const old = elements.get(key)
    if (old !== undefined && old !== value && !step.delete.has(key)) gone.push([key, old])
  }
  return {gone, come: [...step.add].filter(([key, value]) => elements.get(key) !== value)}
}

/** Device names may be words of nft's language, so they are quoted; the canonical text has them bare. */
function keyWriter(type: string): (key: string) => string {
  const types = type.split(concatSeparator)
  if (!types.includes('ifname')) return (key) => key
  return (key) =>
    key
      .split(concatSeparator)
      .map((part, index) => (types[index] === 'ifname' ? `"${part}"` : part))
      .join(concatSeparator)
}

function holdsChain(held: Held | null, {name, hook, rules}: Extract<NftStep, {do: 'chain-set'}>): boolean {
  const chain = held?.chains.get(name)
  if (!chain || chain.hook !== (hook && hookText(hook)) || chain.rules.length !== rules.length) return false
  return ruleHashes(rules).every((hash, index) => chain.rules[index] === hash)
}

function holdsSet(held: Held | null, step: Extract<NftStep, {do: 'set-add'}>): boolean {
  const set = held?.sets.get(step.name)
  return (
    set !== undefined &&
    set.key === step.setKey &&
    set.value === step.value &&
    set.interval === step.interval &&
    (step.size === undefined || set.size === step.size)
  )
}

/** The same, with what is wrong as a value. */
export function tryCompose(
  input: Parameters<typeof composeTransaction>[0],
): ReturnType<typeof composeTransaction> | BadStep {
  try {
    return composeTransaction(input)
  } catch (error) {
    if (error instanceof BadStep) return error
    throw error
  }
}
