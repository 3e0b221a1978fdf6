import type {SampledFlow} from './sample.ts'

type Json = Readonly<Record<string, unknown>>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const inner = (value: unknown, name: string): unknown => (isJson(value) ? value[name] : undefined)

/** nft knows protocols by name. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  ...{icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58, icmpv6: 58, sctp: 132, udplite: 136, dccp: 33, esp: 50, ah: 51},
}

export type Decided = 'allow' | 'deny' | {readonly goto: string} | null

/** What `nft -j list table` says of the rules of each chain, in their order: the statements of each. */
export function rulesByChain(text: string): Map<string, (readonly unknown[])[]> {
  const rules = new Map<string, (readonly unknown[])[]>()
  const objects = inner(JSON.parse(text), 'nftables')
  for (const object of Array.isArray(objects) ? (objects as unknown[]) : []) {
    const rule = inner(object, 'rule')
    const [chain, statements] = [inner(rule, 'chain'), inner(rule, 'expr')]
    if (typeof chain !== 'string' || !Array.isArray(statements)) continue
    const before = rules.get(chain) ?? []
    before.push(statements as unknown[])
    rules.set(chain, before)
  }
  return rules
}

/**
 * What a chain says of a new flow: the first rule that matches and decides. Null: none does, or there is a match that
 * verdict chains do not have, of which nothing can be said.
 */
export function decideIn(rules: readonly (readonly unknown[])[], flow: SampledFlow): Decided {
  for (const statements of rules) {
    const verdict = decideByRule(statements, flow)
    if (verdict !== 'goes on') return verdict
  }
  return null
}

function decideByRule(statements: readonly unknown[], flow: SampledFlow): Decided | 'goes on' {
  for (const statement of statements) {
    if (!isJson(statement)) return null
    if ('match' in statement) {
      const holds = matches(statement.match, flow)
      if (holds === null) return null
      if (!holds) return 'goes on'
    }
    if ('accept' in statement) return 'allow'
    if ('drop' in statement) return 'deny'
    const target = inner(statement.goto, 'target')
    if (typeof target === 'string') return {goto: target}
  }
  // It counts, or jumps to where the kernel's log is told.
  return 'goes on'
}

function matches(match: unknown, flow: SampledFlow): boolean | null {
  const [op, left, right] = ['op', 'left', 'right'].map((name) => inner(match, name))
  const has = valueIn(left, flow)
  const holds = has === null ? null : contains(right, has)
  return holds === null ? null : op === '==' ? holds : op === '!=' ? !holds : null
}

/** Conntrack keeps an ICMP flow's type and code in the place of the destination port. */
function valueIn(left: unknown, {number, port, sourcePort, type, code}: SampledFlow): number | null {
  if (inner(inner(left, 'meta'), 'key') === 'l4proto') return number
  const ct = inner(left, 'ct')
  if (inner(ct, 'dir') !== 'original') return null
  const key = inner(ct, 'key')
  if (key === 'proto-src') return sourcePort ?? 0
  return key === 'proto-dst' ? (port ?? (type ?? 0) * 256 + (code ?? 0)) : null
}

function contains(right: unknown, value: number): boolean | null {
  if (typeof right === 'number') return right === value
  if (typeof right === 'string') return right in PROTOCOLS ? PROTOCOLS[right] === value : null
  const [range, set] = [inner(right, 'range'), inner(right, 'set')]
  if (Array.isArray(range)) return Number(range[0]) <= value && value <= Number(range[1])
  if (!Array.isArray(set)) return null
  const each = (set as unknown[]).map((one) => contains(one, value))
  return each.includes(null) ? null : each.includes(true)
}
