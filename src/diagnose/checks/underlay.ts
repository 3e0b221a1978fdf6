import {parseCidr, prefixesOverlap} from '../../net/index.ts'
import {type Check, eachOf, type Found, given, givenBoth, type Judged} from '../check.ts'
import type {Facts, GatewaySays, LinkFacts, UnderlayFacts} from '../facts.ts'
import {CUTS_OFF} from './cut-off.ts'
import {uplinkDevices} from './devices.ts'

/** What a cloud's firewall must let through, by kind of device. */
const OUTSIDE: Readonly<Record<string, string>> = {
  ipip: 'IP protocol 4',
  sit: 'IP protocol 41',
  ip6tnl: 'IP protocols 4 and 41',
  vxlan: 'UDP port 4789',
  wireguard: 'UDP from 51820 on',
}
/** Of these a scanner's probe now and then is no trouble. */
const RISING_PER_SECOND = 2

const NO_TUNNELS = 'no tunnel with an outer address'

/** Each of these is a cause, and none of them another's. */
const OF_UNDERLAY: readonly string[] = ['underlay-no-route', 'underlay-silent', 'tunnel-blocked', 'nat-in-path']

export const UNDERLAY_CHECKS: readonly Check[] = [
  {
    code: 'underlay-no-route',
    theme: 'underlay',
    looksAt: 'whether the kernel has a way to the outer address of every other gateway',
    follows: CUTS_OFF.filter((one) => !OF_UNDERLAY.includes(one)),
    judge: ({underlay}) =>
      given(underlay, (ways) =>
        eachOf(ways, NO_TUNNELS, ({device, site, local, remote, way}) => ({
          evidence: `${device}: ${local} → ${remote}: ${way.ok ? way.value : way.why}`,
          found: way.ok
            ? null
            : wrong(device, `there is no way to ${remote} of site ${site}: ${way.why}`, [
                `\`ip route get ${remote} from ${local}\`; is it announced by the WAN's router (\`birdc show route for ${remote}\`), and let in by \`import\`?`,
              ]),
        })),
      ),
  },
  {
    code: 'underlay-other-device',
    theme: 'underlay',
    looksAt: 'whether tunnels leave by their uplink',
    judge: (facts) =>
      givenBoth(facts.underlay, facts.addresses, (ways, addresses) => {
        const devices = uplinkDevices(facts, addresses)
        const uplinkOf = (local: string) => facts.config.uplinks.find(({address}) => address === local)
        return eachOf(ways, NO_TUNNELS, ({device, local, remote, way}) => {
          const uplink = uplinkOf(local)
          const wanted = uplink ? devices.get(uplink.name) : undefined
          if (!way.ok || wanted === undefined) return {evidence: `${device}: not known`}
          const evidence = `${device}: ${local} → ${remote} by ${way.value}, uplink ${uplink!.name} is ${wanted}`
          const found = wrong(
            device,
            `packets from ${local} to ${remote} leave by ${way.value}, and ${wanted} is uplink ${uplink!.name}: they come from where nobody expects them`,
            [
              uplink!.way
                ? `\`ip rule\` and \`ip route get ${remote} from ${local}\`: which rule or route is in front of table ${uplink!.way.table}?`
                : `name the router of that line: \`gateway\` (and \`device\`) of uplink ${uplink!.name}; or see which route is in front: \`ip route get ${remote} from ${local}\``,
            ],
          )
          return {evidence, found: way.value === wanted ? null : found}
        })
      }),
  },
  {
    code: 'underlay-silent',
    theme: 'underlay',
    looksAt: 'whether the outer addresses of gateways answer, where the tunnel does not work',
    follows: CUTS_OFF.filter((one) => one !== 'underlay-silent' && one !== 'tunnel-blocked'),
    judge: ({underlay, gateway}) =>
      givenBoth(underlay, gateway, (ways, says) =>
        eachOf(ways, NO_TUNNELS, ({device, remote, answers, site}) => {
          const evidence = `${device}: ${remote} ${answers.ok ? (answers.value ? 'answers' : 'is silent') : `not asked: ${answers.why}`}`
          if (!answers.ok || answers.value || works(device, says)) return {evidence}
          const detail = `${remote} of site ${site} answers no ping, and the tunnel ${device} does not work`
          return {
            evidence,
            found: wrong(device, detail, [`\`traceroute ${remote}\`; is that gateway up, and its router?`]),
          }
        }),
      ),
  },
  {
    code: 'tunnel-blocked',
    watches: true,
    theme: 'underlay',
    looksAt: 'tunnels whose packets go out and none comes back, though the other end answers pings',
    follows: CUTS_OFF.filter((one) => !OF_UNDERLAY.includes(one) || one === 'nat-in-path'),
    judge: (facts) =>
      givenBoth(facts.underlay, facts.gateway, (ways, says) =>
        eachOf(ways, NO_TUNNELS, (way) => judgeBlocked(way, says, facts)),
      ),
  },
  {
    code: 'nat-in-path',
    watches: true,
    theme: 'underlay',
    looksAt: 'tunnel packets that come from an address which is no gateway’s',
    judge: (facts) =>
      rising(facts, 'tunnel_unknown', (rate) => [
        `${rate} tunnel packets a second come from an address that no gateway has: a NAT changes it, or a gateway is not exported`,
        "`tcpdump -ni UPLINK` shows the source; give it as `public` of that gateway's uplink, or take the NAT away",
      ]),
  },
  {
    code: 'uplink-behind-nat',
    theme: 'underlay',
    looksAt: 'private outer addresses that are to be reached from public ones',
    judge: ({config, underlay}) =>
      given(underlay, (ways) =>
        eachOf(config.uplinks, 'no uplinks', ({name, address, public: given_}) => {
          const shown = given_ ?? address
          const others = ways.filter(({local, remote}) => local === address && !isPrivate(remote))
          const evidence = `uplink ${name}: ${address}${given_ ? `, public ${given_}` : ''}`
          if (!isPrivate(shown) || others.length === 0) return {evidence}
          const detail = `uplink ${name} tells others ${shown}, which is private; ${others[0]!.remote} cannot send there`
          const remedy = 'give the address that the NAT before it has as `public` of the uplink'
          return {
            evidence,
            found: {severity: 'error', where: {source: 'config', key: `uplinks ${name}`}, detail, remedy},
          }
        }),
      ),
  },
]

/** A reason of dropped packets that rises while we look. */
export function rising(facts: Facts, reason: string, say: (rate: number) => [detail: string, remedy: string]): Judged {
  return givenBoth(facts.gateway, facts.gatewayLater, ({drops}, later) => {
    const count = (of: GatewaySays['drops']): number => of.find((drop) => drop.reason === reason)?.packets ?? 0
    const rate = (count(later.drops) - count(drops)) / facts.watchedSeconds
    const evidence = [`${reason}: ${count(later.drops)} packets, ${rate.toFixed(1)} a second now`]
    if (rate < RISING_PER_SECOND) return {evidence, found: []}
    const [detail, remedy] = say(Math.round(rate))
    return {evidence, found: [{severity: 'error', where: {source: 'kernel', key: reason}, detail, remedy}]}
  })
}

function judgeBlocked({device, remote, answers}: UnderlayFacts, says: GatewaySays, facts: Facts) {
  const {links, linksLater, config} = facts
  const of = (seen: Facts['links']): LinkFacts | undefined =>
    seen.ok ? seen.value.find(({name}) => name === device) : undefined
  const [before, after] = [of(links), of(linksLater)]
  if (!before || !after) return {evidence: `${device}: no counters`}
  const sent = after.sentPackets - before.sentPackets
  const received = after.receivedPackets - before.receivedPackets
  const evidence = `${device}: ${sent} packets sent and ${received} received while we looked; ${remote} ${answers.ok && answers.value ? 'answers' : 'does not answer'} pings`
  const isBlocked = sent > 0 && received === 0 && answers.ok && answers.value && !works(device, says)
  if (!isBlocked) return {evidence}
  const kind = says.tunnels.find((tunnel) => tunnel.device === device)?.encapsulation
  // A device of IPIP, and its packets in UDP.
  const port = kind === 'fou' ? `UDP port ${config.fouPorts[after.kind === 'sit' ? 6 : 4]}` : undefined
  const what = port ?? OUTSIDE[after.kind ?? ''] ?? 'its outer protocol'
  const others = ['fou', 'wireguard'].filter((other) => other !== kind).join(' or ')
  const detail = `${remote} answers pings, and of the tunnel ${device} nothing comes back: ${what} is not let through, or there is no tunnel at the other end`
  const remedy = `let ${what} in on both ends (security group, network ACL, provider); where that cannot be, encapsulation ${others}. Sent here and received there tells the direction`
  return {evidence, found: wrong(device, detail, [remedy])}
}

const works = (device: string, {tunnels}: GatewaySays): boolean =>
  tunnels.some((tunnel) => tunnel.device === device && tunnel.up)

const wrong = (device: string, detail: string, [remedy]: readonly [string]): Found => ({
  ...{severity: 'error', where: {source: 'kernel', key: device}, detail, remedy},
})

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']

const isPrivate = (address: string): boolean => {
  const own = parseCidr(address)
  return own !== null && PRIVATE.some((prefix) => prefixesOverlap(parseCidr(prefix)!, own))
}
