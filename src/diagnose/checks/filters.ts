import {DEVICE_PREFIX} from '../../model/index.ts'
import {parseCidr, prefixesOverlap} from '../../net/index.ts'
import {type Check, eachOf, type Found, given, type Judged} from '../check.ts'
import type {ChainFacts, Facts, RuleText, TableFacts} from '../facts.ts'
import {uplinkDevices} from './devices.ts'
import {rising} from './underlay.ts'

const OURS = 'isthmus'
const isOurs = ({family, name}: TableFacts): boolean => family === 'inet' && name === OURS

export const FILTER_CHECKS: readonly Check[] = [
  {
    code: 'table-missing',
    theme: 'filters',
    looksAt: 'whether nftables has the table of this gateway',
    judge: ({tables}) =>
      given(tables, (all) => {
        const evidence = all.map(({family, name}) => `table ${family} ${name}`)
        if (all.some(isOurs)) return {evidence, found: []}
        const detail = `there is no table inet ${OURS}: nothing is judged here`
        const remedy =
          'the daemon makes it when it runs; who flushes the ruleset (`nft flush ruleset` of nftables.service)?'
        return {
          evidence,
          found: [{severity: 'error', where: {source: 'kernel', key: 'table inet isthmus'}, detail, remedy}],
        }
      }),
  },
  foreign('foreign-forward-drop', 'forward', 'what other programs drop of forwarded packets', (chain, place) => {
    if (!drops(chain)) return null
    return {
      severity: 'error',
      detail: `${place} drops what it does not accept, and other tables cannot take that back: packets of this gateway with it`,
      remedy: `accept there what comes by and goes to \`${DEVICE_PREFIX}*\`, or take the program that makes it (Docker, ufw, firewalld) off this machine`,
    }
  }),
  {
    code: 'foreign-input-drop',
    theme: 'filters',
    looksAt: 'whether other programs let in what gateways say to each other',
    judge: (facts) =>
      given(facts.tables, (tables) => {
        const needs = needsOf(facts)
        return eachOf(baseChains(tables, 'input'), 'no chain of another program at input', ({table, chain}) => {
          const place = placeOf(table, chain)
          if (!drops(chain)) return {evidence: `${place}: accepts`}
          const missing = needs.filter(({ports}) => !lets(table, ports))
          const evidence = `${place}: drops; ${missing.length === 0 ? 'lets in what is needed' : `no rule for ${missing.map(({what}) => what).join(', ')}`}`
          const found: Found = {
            severity: 'error',
            where: {source: 'kernel', key: place},
            detail: `${place} drops what comes in, and has no rule that accepts ${missing.map(({what}) => what).join(', ')}`,
            remedy: 'accept these from the other gateways and routers there',
          }
          return {evidence, found: missing.length === 0 ? null : found}
        })
      }),
  },
  {
    code: 'foreign-nat',
    theme: 'filters',
    looksAt: 'whether other programs give packets of this gateway another source',
    judge: (facts) =>
      given(facts.tables, (tables) => {
        const mine = new Set([...(facts.addresses.ok ? uplinkDevices(facts, facts.addresses.value).values() : [])])
        const own = [...facts.config.owns, ...facts.config.uplinks.map(({address}) => address)]
        return eachOf(baseChains(tables, 'postrouting'), 'no chain of another program at postrouting', (base) => {
          const place = placeOf(base.table, base.chain)
          const rules = reachable(base.table, base.chain).filter(
            (rule) => (rule.verdict === 'masquerade' || rule.verdict === 'snat') && meets(rule, mine, own),
          )
          const found: Found = {
            severity: 'error',
            where: {source: 'kernel', key: place},
            detail: `${place} gives packets another source (${rules.map(textOf).join('; ')}): policy, and the other gateways, no longer know them`,
            remedy: 'leave out there what goes to other sites and what comes from the address of an uplink',
          }
          return {evidence: `${place}: ${rules.length} rules that meet ours`, found: rules.length === 0 ? null : found}
        })
      }),
  },
  {
    code: 'foreign-notrack',
    theme: 'filters',
    looksAt: 'whether other programs keep packets out of connection tracking',
    judge: ({tables}) =>
      given(tables, (all) => {
        const bases = [...baseChains(all, 'prerouting'), ...baseChains(all, 'output')]
        return eachOf(bases, 'no chain of another program at prerouting or output', ({table, chain}) => {
          const place = placeOf(table, chain)
          const rules = reachable(table, chain).filter(({verdict}) => verdict === 'notrack')
          const found: Found = {
            severity: 'error',
            where: {source: 'kernel', key: place},
            detail: `${place} has packets not tracked (${rules.map(textOf).join('; ')}): answers are judged as if they began`,
            remedy: 'leave out there what passes this gateway',
          }
          return {evidence: `${place}: ${rules.length} notrack`, found: rules.length === 0 ? null : found}
        })
      }),
  },
  {
    code: 'asymmetric-path',
    watches: true,
    theme: 'filters',
    looksAt: 'packets of flows that did not begin here',
    follows: ['foreign-notrack', 'conntrack-nearly-full'],
    judge: (facts) =>
      rising(facts, 'invalid', (rate) => [
        `${rate} packets a second belong to no flow that this gateway has seen: their other direction goes another way`,
        '`conntrack -L` for one of them; both directions by one gateway, or states shared with the twin (docs/operate/twins.md)',
      ]),
  },
]

interface Base {
  readonly table: TableFacts
  readonly chain: ChainFacts
}

const placeOf = ({family, name}: TableFacts, chain: ChainFacts): string => `table ${family} ${name} chain ${chain.name}`

const baseChains = (tables: readonly TableFacts[], hook: string): Base[] =>
  tables
    .filter((table) => !isOurs(table))
    .flatMap((table) => table.chains.filter((chain) => chain.hook === hook).map((chain) => ({table, chain})))

function foreign(
  code: Check['code'],
  hook: string,
  looksAt: string,
  judge: (chain: ChainFacts, place: string) => Omit<Found, 'where'> | null,
): Check {
  return {
    ...{code, theme: 'filters', looksAt},
    judge: ({tables}: Facts): Judged =>
      given(tables, (all) =>
        eachOf(baseChains(all, hook), `no chain of another program at ${hook}`, ({table, chain}) => {
          const place = placeOf(table, chain)
          const wrong = judge(chain, place)
          return {
            evidence: `${place}: ${wrong ? 'drops' : 'lets pass'}`,
            found: wrong ? {...wrong, where: {source: 'kernel', key: place}} : null,
          }
        }),
      ),
  }
}

/** What no rule accepts does not pass: by its policy, or by a rule without conditions at its end. */
function drops({policy, rules}: ChainFacts): boolean {
  const last = rules.find(
    ({verdict, matches}) =>
      matches.length === 0 && (verdict === 'accept' || verdict === 'drop' || verdict === 'reject'),
  )
  return last ? last.verdict !== 'accept' : policy === 'drop'
}

/** The rules of a chain and of those that it jumps to. */
function reachable(table: TableFacts, chain: ChainFacts, seen: ReadonlySet<string> = new Set()): RuleText[] {
  if (seen.has(chain.name)) return []
  const now = new Set([...seen, chain.name])
  return chain.rules.flatMap((rule) => {
    const target = /^(?:jump|goto) (.+)$/.exec(rule.verdict)?.[1]
    const next = table.chains.find(({name}) => name === target)
    return next ? [rule, ...reachable(table, next, now)] : [rule]
  })
}

const textOf = ({verdict, matches}: RuleText): string =>
  [...matches.map(({field, operator, values}) => `${field} ${operator} ${values.join(',')}`), verdict].join(' ')

/** Whether a rule can be about packets from these addresses that leave by these devices, as far as can be said. */
function meets({matches}: RuleText, devices: ReadonlySet<string>, sources: readonly string[]): boolean {
  return matches.every(({field, operator, values}) => {
    if (operator !== '==') return true
    if (field === 'oifname' || field === 'oif')
      return values.some((value) => devices.has(value) || value.startsWith(DEVICE_PREFIX))
    if (field !== 'ip saddr' && field !== 'ip6 saddr') return true
    return values.some((value) => {
      const prefix = parseCidr(value)
      return prefix === null || sources.some((own) => prefixesOverlap(parseCidr(own)!, prefix))
    })
  })
}

interface Need {
  readonly what: string
  /** One of these values in a rule that accepts. */
  readonly ports: readonly string[]
}

const BY_ENCAPSULATION: Readonly<Record<string, Need>> = {
  ipip: {what: 'IP protocol 4', ports: ['4', 'ipip', 'ipencap']},
  vxlan: {what: 'UDP port 4789', ports: ['4789', 'vxlan']},
  wireguard: {what: 'UDP from 51820 on', ports: ['51820']},
}

function needsOf({config}: Facts): Need[] {
  const used = [...config.sites.values()].map(({encapsulation}) => encapsulation)
  const fou = {what: `UDP port ${config.fouPorts[4]}`, ports: [`${config.fouPorts[4]}`]}
  return [
    {what: 'TCP port 179 (BGP)', ports: ['179', 'bgp']},
    {what: 'UDP port 3784 (BFD)', ports: ['3784']},
    ...[...new Set(used)].flatMap((kind) => (kind === 'fou' ? [fou] : (BY_ENCAPSULATION[kind] ?? []))),
  ]
}

/** A rule that names one of the values, a range around it, or a device or source whole, accepts it somewhere in the table. */
const lets = ({chains}: TableFacts, ports: readonly string[]): boolean =>
  chains.some(({rules}) =>
    rules.some(
      ({verdict, matches}) =>
        verdict === 'accept' &&
        matches.some(({values}) => values.some((value) => ports.some((port) => holds(value, port)))),
    ),
  )

function holds(value: string, port: string): boolean {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(value) ?? []
  return value === port || (first !== undefined && Number(first) <= Number(port) && Number(port) <= Number(last))
}
