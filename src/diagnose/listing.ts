import {type ActualNft, type ActualNftSet, concatSeparator, FOREIGN_RULE, markText} from '../model/index.ts'
import {parseAddress} from '../net/index.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * What `nft -j list table` says, for a diagnosis. It is read here once more, and not by the driver whose work is judged:
 * the two readers share only the canonical texts (model/nft-text.ts). Null: not the answer of nft.
 */
export function parseRuleset(text: string): ActualNft | null {
  let objects: unknown
  try {
    objects = field(JSON.parse(text), 'nftables')
  } catch {
    return null
  }
  if (!Array.isArray(objects)) return null
  const counters: string[] = []
  const sets = new Map<string, ActualNftSet>()
  const chains = new Map<string, {name: string; hook: string | null; rules: string[]}>()
  for (const object of objects as unknown[]) {
    const counter = textField(field(object, 'counter'), 'name')
    if (counter !== null) counters.push(counter)
    const set = readSet(field(object, 'set') ?? field(object, 'map'))
    if (set) sets.set(set.name, set)
    const chain = field(object, 'chain')
    const name = textField(chain, 'name')
    if (name !== null) chains.set(name, {name, hook: hookOf(chain), rules: []})
    const rule = field(object, 'rule')
    const comment = textField(rule, 'comment') ?? ''
    chains.get(textField(rule, 'chain') ?? '')?.rules.push(/^i:[0-9a-f]{12}$/.test(comment) ? comment : FOREIGN_RULE)
  }
  return {counters, sets, chains}
}

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const field = (value: unknown, name: string): unknown => (isJson(value) ? value[name] : undefined)
const textField = (value: unknown, name: string): string | null => {
  const found = field(value, name)
  return typeof found === 'string' ? found : null
}

function hookOf(chain: unknown): string | null {
  const [type, hook, policy] = ['type', 'hook', 'policy'].map((name) => textField(chain, name))
  if (type !== 'filter' && type !== 'route' && type !== 'nat') return null
  // The words are the kernel's own; as text they only have to be equal.
  return `${type} ${hook} ${Number(field(chain, 'prio'))} ${policy ?? 'accept'}`
}

function readSet(json: unknown): ActualNftSet | null {
  const name = textField(json, 'name')
  if (name === null) return null
  const keyTypes = typesOf(field(json, 'type'))
  const map = field(json, 'map')
  const valueTypes = map === undefined ? null : typesOf(map)
  const flags = field(json, 'flags')
  const elements = new Map<string, string>()
  const listed = field(json, 'elem')
  for (const element of Array.isArray(listed) ? (listed as unknown[]) : []) {
    if (valueTypes === null) elements.set(textOf(keyTypes, element), '')
    else if (Array.isArray(element)) elements.set(textOf(keyTypes, element[0]), textOf(valueTypes, element[1]))
  }
  return {
    name,
    key: keyTypes.join(concatSeparator),
    value: valueTypes?.join(concatSeparator) ?? null,
    interval: flags === 'interval' || (Array.isArray(flags) && flags.includes('interval')),
    elements,
  }
}

const typesOf = (json: unknown): string[] =>
  Array.isArray(json) ? json.map(String) : typeof json === 'string' ? json.split(concatSeparator) : []

function textOf(types: readonly string[], json: unknown): string {
  const [type] = types
  if (typeof json === 'number') return type === 'mark' ? markText(json) : String(json)
  if (typeof json === 'string') return type === 'ipv6_addr' ? (parseAddress(json) ?? json) : json
  if (!isJson(json)) return String(json)
  const {concat, range, prefix, elem} = json
  if (Array.isArray(concat)) {
    return concat.map((part, index) => textOf(types.slice(index, index + 1), part)).join(concatSeparator)
  }
  if (Array.isArray(range)) return range.map((end) => textOf(types, end)).join('-')
  if (isJson(prefix)) return `${textOf(types, prefix.addr)}/${String(prefix.len)}`
  if (isJson(elem)) return textOf(types, elem.val)
  const [verdict = '', data] = Object.entries(json)[0] ?? []
  const target = textField(data, 'target')
  return target === null ? verdict : `${verdict} ${target}`
}
