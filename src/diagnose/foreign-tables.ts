import type {ChainFacts, RuleText, TableFacts} from './facts.ts'

type Json = Readonly<Record<string, unknown>>

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const inner = (value: unknown, name: string): unknown => (isJson(value) ? value[name] : undefined)
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** `nft -j list tables`. Null: not the answer of nft. */
export function tablesIn(listing: string): {readonly family: string; readonly name: string}[] | null {
  return (
    objectsIn(listing)?.flatMap((object) => {
      const table = inner(object, 'table')
      const [family, name] = [text(inner(table, 'family')), text(inner(table, 'name'))]
      return family !== null && name !== null ? [{family, name}] : []
    }) ?? null
  )
}

/** `nft -j -t list table`: chains, and of each rule what it does and when, as far as it can be told. */
export function chainsIn(listing: string): ChainFacts[] {
  const chains = new Map<
    string,
    {name: string; hook: string | null; type: string | null; policy: string | null; rules: RuleText[]}
  >()
  for (const object of objectsIn(listing) ?? []) {
    const chain = inner(object, 'chain')
    const name = text(inner(chain, 'name'))
    const [hook, type, policy] = ['hook', 'type', 'policy'].map((key) => text(inner(chain, key)))
    if (name !== null) chains.set(name, {name, hook: hook!, type: type!, policy: policy!, rules: []})
    const rule = inner(object, 'rule')
    chains.get(text(inner(rule, 'chain')) ?? '')?.rules.push(ruleOf(inner(rule, 'expr')))
  }
  return [...chains.values()]
}

export const tableOf = (table: Pick<TableFacts, 'family' | 'name'>, listing: string | null): TableFacts => ({
  ...table,
  chains: listing === null ? [] : chainsIn(listing),
})

function objectsIn(listing: string): unknown[] | null {
  try {
    const objects = inner(JSON.parse(listing), 'nftables')
    return Array.isArray(objects) ? (objects as unknown[]) : null
  } catch {
    return null
  }
}

const VERDICTS = [
  'accept',
  'drop',
  'reject',
  'return',
  'masquerade',
  'snat',
  'dnat',
  'redirect',
  'notrack',
  'queue',
] as const

function ruleOf(expressions: unknown): RuleText {
  const matches: {field: string; operator: string; values: string[]}[] = []
  let verdict = ''
  for (const expression of Array.isArray(expressions) ? (expressions as unknown[]) : []) {
    if (!isJson(expression)) continue
    const match = inner(expression, 'match')
    if (match !== undefined) {
      matches.push({
        field: fieldOf(inner(match, 'left')),
        operator: text(inner(match, 'op')) ?? '==',
        values: valuesOf(inner(match, 'right')),
      })
      continue
    }
    // What xtables' own matches say cannot be told; but they are conditions.
    if ('xt' in expression || 'limit' in expression || 'quota' in expression) {
      const xt = inner(expression, 'xt')
      const name = text(inner(xt, 'name')) ?? ''
      if (inner(xt, 'type') === 'target') verdict = name.toLowerCase()
      else matches.push({field: `xt ${name}`, operator: '?', values: []})
      continue
    }
    for (const word of VERDICTS) if (word in expression) verdict = word
    for (const word of ['jump', 'goto'] as const) {
      const target = text(inner(expression[word], 'target'))
      if (target !== null) verdict = `${word} ${target}`
    }
  }
  return {verdict, matches}
}

/** `{payload: {protocol: ip, field: saddr}}` is `ip saddr`, `{meta: {key: oifname}}` is `oifname`. */
function fieldOf(left: unknown): string {
  const payload = inner(left, 'payload')
  const meta = text(inner(inner(left, 'meta'), 'key'))
  const ct = text(inner(inner(left, 'ct'), 'key'))
  if (meta !== null) return meta
  if (ct !== null) return `ct ${ct}`
  const [protocol, field] = [text(inner(payload, 'protocol')), text(inner(payload, 'field'))]
  return protocol !== null && field !== null ? `${protocol} ${field}` : JSON.stringify(left)
}

function valuesOf(right: unknown): string[] {
  if (typeof right === 'string' || typeof right === 'number') return [String(right)]
  if (Array.isArray(right)) return right.flatMap(valuesOf)
  if (!isJson(right)) return []
  const {set, range, prefix} = right
  if (Array.isArray(set)) return set.flatMap(valuesOf)
  if (Array.isArray(range)) return [range.flatMap(valuesOf).join('-')]
  if (isJson(prefix)) return [`${String(prefix.addr)}/${String(prefix.len)}`]
  return [JSON.stringify(right)]
}
