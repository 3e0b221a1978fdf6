import {parseCidr, prefixContains, prefixesOverlap} from '../../net/index.ts'
import {type Check, eachOf, type Found, given, givenBoth, type Judged} from '../check.ts'
import type {Facts, RouterFacts, RuleFacts, TcpFaults} from '../facts.ts'
import {CUTS_OFF} from './cut-off.ts'

type Session = RouterFacts['sessions'][number]
/** Why a session is not up, each with its own remedy. */
type Why =
  | 'session-as-mismatch'
  | 'session-password'
  | 'session-ttl'
  | 'session-refused'
  | 'session-no-route'
  | 'session-silent'
  | 'session-down'

export const ROUTING_CHECKS: readonly Check[] = [
  {
    code: 'bird-unreachable',
    theme: 'routing',
    looksAt: 'whether BIRD answers',
    judge: ({router, config}) => {
      const {birdSocket} = config.paths
      if (router.ok) return {evidence: [`${birdSocket} answers`], found: []}
      const detail = `BIRD does not answer at ${birdSocket}: ${router.why}`
      const remedy = '`systemctl status bird` and its journal; `birdc -s SOCKET configure check`'
      return {evidence: [], found: [{severity: 'error', where: {source: 'bird'}, detail, remedy}]}
    },
  },
  why('session-as-mismatch', 'sessions that fail for an AS number', ({neighbor, as}) => [
    `${neighbor} and this gateway do not agree on their AS numbers (here it is AS ${as ?? '?'})`,
    'compare `as`, `localAs` (nodes: `nodes.localAs`) with what the neighbour has configured for both ends',
  ]),
  why('session-password', 'sessions that fail for a TCP-MD5 password', ({neighbor}) => [
    `segments of ${neighbor} come with a password that is not ours, or without one`,
    '`peers[].password.file` here and the password there must be the same, or both absent',
  ]),
  why('session-ttl', 'sessions that fail for hops', ({neighbor}) => [
    `packets of ${neighbor} come from farther away than \`ttlSecurity\` allows`,
    '`ttlSecurity` on both ends or on none; `multihop` where routers stand between',
  ]),
  why('session-refused', 'sessions whose neighbour refuses the connection', ({neighbor}) => [
    `${neighbor} refuses TCP port 179: no BGP runs there, or it does not know this gateway`,
    'start it there, and configure this gateway as its neighbour, by the address that packets come from',
  ]),
  why('session-no-route', 'sessions whose neighbour cannot be reached', ({neighbor, lastError}) => [
    `${neighbor} cannot be reached: ${lastError}`,
    `\`ip route get ${neighbor}\`, \`ip neigh show ${neighbor}\`, \`ip rule\``,
  ]),
  why('session-silent', 'sessions whose neighbour does not answer', ({neighbor}) => [
    `${neighbor} does not answer on TCP port 179`,
    `\`ping ${neighbor}\`; a filter on the way, or a password that only the other end has?`,
  ]),
  why('session-down', 'sessions that are down for another reason', ({neighbor, state, lastError}) => [
    `the session with ${neighbor} is ${state}: ${lastError ?? 'BIRD does not say why'}`,
    '`birdc show protocols all` and the log of the other end',
  ]),
  {
    code: 'session-bfd',
    theme: 'routing',
    looksAt: 'whether BFD watches where it should',
    follows: CUTS_OFF.filter((one) => one !== 'session-bfd'),
    judge: ({router}) =>
      given(router, ({bfd}) =>
        eachOf(bfd, 'no BFD', ({neighbor, state, up}) => ({
          evidence: `${neighbor}: ${state}`,
          found: up
            ? null
            : bad(neighbor, 'error', [
                `BFD with ${neighbor} is ${state}: that it is lost is noticed only when BGP's hold time ends`,
                'UDP 3784 must pass both ways, and BFD run at both ends; `bfd: internet` where the path or a CPU stands still now and then',
              ]),
        })),
      ),
  },
  {
    code: 'filter-passes-nothing',
    theme: 'routing',
    looksAt: 'sessions of whose routes every one is filtered out',
    judge: ({router}) =>
      given(router, ({sessions}) =>
        eachOf(upOnes(sessions), 'no session is up', ({name, neighbor, imported, filtered}) => ({
          evidence: `${name}: ${imported} taken, ${filtered} filtered out`,
          found:
            imported > 0 || filtered === 0
              ? null
              : bad(name, 'error', [
                  `all ${filtered} routes of ${neighbor} are filtered out`,
                  '`import` of the peer names what is taken; without it nothing is (RFC 8212). `birdc show route filtered` lists them',
                ]),
        })),
      ),
  },
  {
    code: 'announces-nothing',
    theme: 'routing',
    looksAt: 'sessions that nothing is told over',
    follows: CUTS_OFF.filter((one) => one !== 'announces-nothing'),
    judge: ({router}) =>
      given(router, ({sessions}) =>
        eachOf(
          upOnes(sessions).filter(({kind}) => kind === 'wan'),
          'no session with a router of the WAN is up',
          ({name, neighbor, exported}) => ({
            evidence: `${name}: ${exported} told`,
            found:
              exported > 0
                ? null
                : bad(name, 'error', [
                    `nothing is told to ${neighbor}: it knows no way back to this gateway`,
                    "`export` of the peer must let the uplink's address through, and the address must be on a device (`birdc show route export NAME`)",
                  ]),
          }),
        ),
      ),
  },
  {
    code: 'prefix-without-route',
    theme: 'routing',
    looksAt: 'whether there is a way to every prefix of every other site',
    follows: CUTS_OFF,
    judge: ({routes, gateway}) =>
      givenBoth(routes, gateway, (all, {sites}) =>
        eachOf(
          sites.filter(({local}) => !local).flatMap(({name, prefixes}) => prefixes.map((prefix) => ({name, prefix}))),
          'no other site',
          ({name, prefix}) => {
            const wanted = parseCidr(prefix)
            const ways = all.filter(
              (route) =>
                !route.refuses && wanted !== null && overlaps(route.prefix, prefix) && route.prefix !== 'default',
            )
            return {
              evidence: `${name} ${prefix}: ${ways.length} routes`,
              found:
                ways.length > 0
                  ? null
                  : bad(prefix, 'error', [
                      `there is no way to ${prefix} of site ${name}`,
                      `\`isthmus get sessions\`: is one with ${name} up? \`birdc show route for ${prefix}\` on both sides`,
                    ]),
            }
          },
        ),
      ),
  },
  {
    code: 'prefix-routed-elsewhere',
    theme: 'routing',
    looksAt: 'routes to other sites that are not ours',
    judge: ({routes, config}) =>
      given(routes, (all) =>
        eachOf(
          all.filter(({prefix}) =>
            [...config.sites.values()].some(({owns}) => owns.some((own) => isInside(prefix, own))),
          ),
          'no route to another site',
          ({prefix, devices, protocol, refuses}) => ({
            evidence: `${prefix} by ${devices.join(', ') || 'nobody'} (${protocol})`,
            found:
              refuses || protocol === 'bird'
                ? null
                : bad(prefix, 'error', [
                    `${prefix} of another site has a route by ${devices.join(', ')} that is not ours (${protocol}): packets leave outside the tunnels, or are dropped as leaked`,
                    `\`ip route delete ${prefix}\`; who makes it (netplan, a VPN, a DHCP option)?`,
                  ]),
          }),
        ),
      ),
  },
  {
    code: 'rule-foreign',
    theme: 'routing',
    looksAt: 'rules that send packets to other tables of routes',
    judge: ({rules}) =>
      given(rules, (all) =>
        eachOf(all, 'no rules', (rule) => ({
          evidence: rule.text,
          found: isUsual(rule)
            ? null
            : bad(`rule ${rule.priority}`, 'warning', [
                `the rule \`${rule.text}\` takes packets away from the routes that this gateway makes`,
                `\`ip rule delete priority ${rule.priority}\`, or see that table ${rule.table} has what is needed`,
              ]),
        })),
      ),
  },
]

const USUAL_TABLES = new Set(['local', 'main', 'default'])
const isUsual = ({table, ours}: RuleFacts): boolean => USUAL_TABLES.has(table) || ours === true

const upOnes = (sessions: readonly Session[]): Session[] => sessions.filter(({up}) => up)

const bad = (key: string, severity: Found['severity'], [detail, remedy]: readonly [string, string]): Found => ({
  ...{severity, where: {source: 'bird', key}, detail, remedy},
})

function overlaps(a: string, b: string): boolean {
  const [left, right] = [parseCidr(a), parseCidr(b)]
  return left !== null && right !== null && prefixesOverlap(left, right)
}

function isInside(inner: string, outer: string): boolean {
  const [small, large] = [parseCidr(inner), parseCidr(outer)]
  return small !== null && large !== null && prefixContains(large, small)
}

function why(code: Why, looksAt: string, say: (session: Session) => [detail: string, remedy: string]): Check {
  return {
    ...{code, theme: 'routing', looksAt, watches: true, follows: CUTS_OFF.filter((one) => one !== code)},
    judge: (facts: Facts): Judged =>
      given(facts.router, ({sessions}) =>
        eachOf(sessions, 'no sessions', (session) => ({
          evidence: `${session.name}: ${session.state}${session.lastError && !session.up ? ` (${session.lastError})` : ''}`,
          found: !session.up && whyDown(session, facts.tcp) === code ? bad(session.name, 'error', say(session)) : null,
        })),
      ),
  } as Check
}

/** By BIRD's word for the last error; where there is none, by what the kernel counts of segments that it does not take. */
export function whyDown({lastError, state}: Pick<Session, 'lastError' | 'state'>, tcp: Facts['tcp']): Why {
  const error = lastError ?? ''
  const faults: TcpFaults = tcp.ok ? tcp.value : {passwordFaults: 0, ttlFaults: 0}
  if (faults.passwordFaults > 0) return 'session-password'
  if (faults.ttlFaults > 0) return 'session-ttl'
  if (/bad peer AS/i.test(error)) return 'session-as-mismatch'
  if (/connection refused/i.test(error)) return 'session-refused'
  if (/no route to host|host is unreachable|network is unreachable|invalid argument/i.test(error))
    return 'session-no-route'
  const tries = state === 'Active' || state === 'Connect'
  if (/timed out/i.test(error) || (error === '' && tries)) return 'session-silent'
  return 'session-down'
}
