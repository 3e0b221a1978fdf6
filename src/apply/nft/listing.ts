import {concatSeparator, FOREIGN_RULE, judgedNftSets, markText} from '../../model/index.ts'
import {parseAddress} from '../../net/index.ts'
import {Held, type HeldSet, noElements} from './held.ts'

/** The parts of libnftables-json(5) that a table of ours can hold. */
interface Listing {
  readonly nftables: readonly {
    readonly counter?: {readonly name: string}
    readonly set?: ListedSet
    readonly map?: ListedSet
    readonly chain?: {
      readonly name: string
      readonly type?: string
      readonly hook?: string
      readonly prio?: number
      readonly policy?: string
    }
    readonly rule?: {readonly chain: string; readonly comment?: string}
  }[]
}

interface ListedSet {
  readonly name: string
  readonly type: string | readonly string[]
  readonly map?: string | readonly string[]
  readonly flags?: string | readonly string[]
  readonly size?: number
  readonly elem?: readonly unknown[]
}

const COMMENT = /^i:[0-9a-f]{12}$/

/** Reads `nft -j list table`: element texts in the canonical form of model/nft-text.ts. */
export function parseListing(json: string): Held {
  const held = new Held()
  const rules = new Map<string, string[]>()
  for (const {counter, set, map, chain, rule} of (JSON.parse(json) as Listing).nftables) {
    if (counter) held.addCounter(counter.name)
    const declared = set ?? map
    if (declared) held.sets.set(declared.name, readSet(declared))
    if (chain) {
      const {name, type, hook, prio, policy} = chain
      const own: string[] = []
      rules.set(name, own)
      held.chains.set(name, {
        name,
        hook: hook === undefined ? null : `${type} ${hook} ${prio} ${policy ?? 'accept'}`,
        rules: own,
      })
    }
    if (rule) rules.get(rule.chain)?.push(COMMENT.test(rule.comment ?? '') ? rule.comment! : FOREIGN_RULE)
  }
  return held
}

/** Their elements are of no use to a diff, and many. */
const JUDGED: ReadonlySet<string> = new Set(judgedNftSets().map(({name}) => name))

function readSet({name, type, map, flags, size, elem}: ListedSet): HeldSet {
  const keyTypes = typeof type === 'string' ? type.split(concatSeparator) : type
  const value = map === undefined ? null : typeof map === 'string' ? map : map.join(concatSeparator)
  const key = keyTypes.join(concatSeparator)
  const elements = noElements(key)
  for (const element of JUDGED.has(name) ? [] : (elem ?? [])) {
    if (value === null) elements.set(elementText(keyTypes, element), '')
    else if (Array.isArray(element)) {
      elements.set(elementText(keyTypes, element[0]), elementText(value.split(concatSeparator), element[1]))
    }
  }
  const most = size === undefined ? {} : {size}
  return {name, key, value, interval: flags?.includes('interval') === true, ...most, elements}
}

function elementText(types: readonly string[], json: unknown): string {
  const [type = ''] = types
  if (typeof json === 'number') return type === 'mark' ? markText(json) : String(json)
  // inet_ntop writes some IPv6 addresses with a dotted tail, we never do.
  if (typeof json === 'string') return type === 'ipv6_addr' && json.includes('.') ? (parseAddress(json) ?? json) : json
  if (typeof json !== 'object' || json === null) return String(json)
  if ('concat' in json && Array.isArray(json.concat)) {
    return json.concat.map((part, index) => elementText(types.slice(index, index + 1), part)).join(concatSeparator)
  }
  if ('range' in json && Array.isArray(json.range)) return json.range.map((end) => elementText(types, end)).join('-')
  if ('prefix' in json && isPrefix(json.prefix)) return `${elementText(types, json.prefix.addr)}/${json.prefix.len}`
  // An element with a comment, a counter or a timeout of its own.
  if ('elem' in json && typeof json.elem === 'object' && json.elem !== null && 'val' in json.elem) {
    return elementText(types, json.elem.val)
  }
  const [[verdict, data] = ['', null]] = Object.entries(json)
  const target: unknown = data?.target
  return typeof target === 'string' ? `${verdict} ${target}` : verdict
}

function isPrefix(value: unknown): value is {addr: string; len: number} {
  return typeof value === 'object' && value !== null && 'addr' in value && 'len' in value
}

/** The rules of each chain in nft's own language, from `nft list table`; to be put back as they are. */
export function parseRuleTexts(listing: string): Map<string, string[]> {
  const chains = new Map<string, string[]>()
  let rules: string[] | null = null
  let pending = ''
  for (const line of listing.split('\n')) {
    const chain = /^\tchain (\S+) \{$/.exec(line)
    if (chain) {
      rules = []
      chains.set(chain[1]!, rules)
    } else if (line === '\t}') rules = null
    else if (rules && !/^\t\ttype \S+ hook /.test(line)) {
      // A literal set may go on over several lines.
      pending = pending === '' ? line.trim() : `${pending} ${line.trim()}`
      if (pending.split('{').length === pending.split('}').length) {
        if (pending !== '') rules.push(pending)
        pending = ''
      }
    }
  }
  return chains
}
