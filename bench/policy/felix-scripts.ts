import type {FelixLayout, FelixRule, FelixTier} from './felix-layout.ts'

/** Mark bits as Felix has them by default. */
const [ACCEPT, PASS] = ['0x10000', '0x20000']
const TCP = 6

/** For `ipset restore` and `iptables-nft-restore`. */
export function iptablesScripts({sets, portSets, policies, tiers}: FelixLayout): {sets: string; rules: string} {
  const setLines: string[] = []
  for (const [name, members] of sets) {
    setLines.push(`create ${name} hash:net family inet maxelem ${Math.max(1024, members.length)}`)
    for (const member of members) setLines.push(`add ${name} ${member}`)
  }
  for (const [name, members] of portSets) {
    setLines.push(`create ${name} hash:ip,port family inet maxelem ${Math.max(1024, members.length)}`)
    for (const {address, port} of members) setLines.push(`add ${name} ${address},tcp:${port}`)
  }
  const clear = (chain: string, bit: string): string => `-A ${chain} -j MARK --set-xmark 0x0/${bit}`
  const has = (bit: string): string => `-m mark --mark ${bit}/${bit}`
  const ruleLines = (chain: string, rule: FelixRule): string[] => {
    const {action} = rule
    const matches = iptablesMatch(rule)
    if (action === 'Deny') return [`-A ${chain} ${matches} -j DROP`]
    const bit = action === 'Allow' ? ACCEPT : PASS
    return [`-A ${chain} ${matches} -j MARK --set-xmark ${bit}/${bit}`, `-A ${chain} ${has(bit)} -j RETURN`]
  }
  const tierLines = ({chain, side, jumps, closes}: FelixTier): string[] => [
    clear(chain, PASS),
    ...jumps.flatMap((jump) => [
      `-A ${chain} -m mark --mark 0x0/${PASS} -m set --match-set ${jump.subject} ${side} -j ${jump.chain}`,
      `-A ${chain} ${has(ACCEPT)} -j RETURN`,
    ]),
    ...(closes ? [`-A ${chain} -m mark --mark 0x0/${PASS} -m set --match-set ${closes} ${side} -j DROP`] : []),
  ]
  const chains = [...policies, ...tiers, {chain: 'egress'}, {chain: 'ingress'}].map(({chain}) => `:${chain} - [0:0]`)
  const rules = [
    '*filter',
    ':FORWARD ACCEPT [0:0]',
    ...chains,
    '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
    clear('FORWARD', ACCEPT),
    '-A FORWARD -j egress',
    clear('FORWARD', ACCEPT),
    '-A FORWARD -j ingress',
    '-A FORWARD -j ACCEPT',
    ...tiers.flatMap(({chain, side}) => {
      const direction = side === 'src' ? 'egress' : 'ingress'
      return [`-A ${direction} -j ${chain}`, `-A ${direction} ${has(ACCEPT)} -j RETURN`]
    }),
    ...tiers.flatMap(tierLines),
    ...policies.flatMap((policy) => policy.rules.flatMap((rule) => ruleLines(policy.chain, rule))),
    'COMMIT',
  ]
  return {sets: `${setLines.join('\n')}\n`, rules: `${rules.join('\n')}\n`}
}

function iptablesMatch({protocol, icmpType, ports, portSet, sets}: FelixRule): string {
  return [
    ...(protocol === null ? [] : [`-p ${protocol}`]),
    ...(icmpType === null ? [] : [`-m icmp --icmp-type ${icmpType}`]),
    ...sets.map(({name, side, negated}) => `-m set ${negated ? '! ' : ''}--match-set ${name} ${side}`),
    ...(ports === null
      ? []
      : [`-m multiport --destination-ports ${ports.first}${ports.first === ports.last ? '' : `:${ports.last}`}`]),
    ...(portSet === null ? [] : [`-m set --match-set ${portSet} dst,dst`]),
  ].join(' ')
}

/** For `nft -f`; address sets are interval sets, as Felix has them. */
export function nftScript({sets, portSets, policies, tiers}: FelixLayout): string {
  const set = (name: string, type: string, flags: string, elements: readonly string[]): string => {
    const list = elements.length > 0 ? `elements = { ${elements.join(', ')} }` : ''
    return `set ${name} { type ${type}; ${flags} ${list}\n}`
  }
  const chain = (name: string, rules: readonly string[]): string => `chain ${nftName(name)} {\n${rules.join('\n')}\n}`
  const clear = (bit: string): string => `meta mark set meta mark & ${inverted(bit)}`
  const has = (bit: string): string => `meta mark & ${bit} == ${bit}`
  const saddr = {src: 'ip saddr', dst: 'ip daddr'} as const
  const ruleTexts = (rule: FelixRule): string[] => {
    const matches = nftMatch(rule)
    if (rule.action === 'Deny') return [`${matches} counter drop`]
    const bit = rule.action === 'Allow' ? ACCEPT : PASS
    return [`${matches} counter meta mark set meta mark | ${bit}`, `${has(bit)} counter return`]
  }
  const tierChain = ({chain: name, side, jumps, closes}: FelixTier): string =>
    chain(name, [
      clear(PASS),
      ...jumps.flatMap((jump) => [
        `meta mark & ${PASS} == 0 ${saddr[side]} @${jump.subject} counter jump ${nftName(jump.chain)}`,
        `${has(ACCEPT)} counter return`,
      ]),
      ...(closes ? [`meta mark & ${PASS} == 0 ${saddr[side]} @${closes} counter drop`] : []),
    ])
  const ofSide = (wanted: 'src' | 'dst'): string[] =>
    tiers
      .filter(({side}) => side === wanted)
      .flatMap(({chain: name}) => [`counter jump ${nftName(name)}`, `${has(ACCEPT)} counter return`])
  return `table ip felix {
${[...sets].map(([name, members]) => set(name, 'ipv4_addr', 'flags interval;', members)).join('\n')}
${[...portSets]
  .map(([name, members]) =>
    set(
      name,
      'ipv4_addr . inet_proto . inet_service',
      '',
      members.map(({address, port}) => `${address} . ${TCP} . ${port}`),
    ),
  )
  .join('\n')}
${policies.map(({chain: name, rules}) => chain(name, rules.flatMap(ruleTexts))).join('\n')}
${tiers.map(tierChain).join('\n')}
${chain('egress', ofSide('src'))}
${chain('ingress', ofSide('dst'))}
chain forward {
type filter hook forward priority 0; policy accept;
ct state established,related counter accept
ct state invalid counter drop
${clear(ACCEPT)}
counter jump egress
${clear(ACCEPT)}
counter jump ingress
counter accept
}
}
`
}

function nftMatch({protocol, icmpType, ports, portSet, sets}: FelixRule): string {
  const saddr = {src: 'ip saddr', dst: 'ip daddr'} as const
  return [
    ...(protocol === null ? [] : [`meta l4proto ${protocol}`]),
    ...(icmpType === null ? [] : [`icmp type ${icmpType}`]),
    ...sets.map(({name, side, negated}) => `${saddr[side]} ${negated ? '!= ' : ''}@${name}`),
    ...(ports === null
      ? []
      : [`th dport ${ports.first === ports.last ? ports.first : `${ports.first}-${ports.last}`}`]),
    ...(portSet === null ? [] : [`ip daddr . meta l4proto . th dport @${portSet}`]),
  ].join(' ')
}

const inverted = (bit: string): string => `0x${(~Number(bit) >>> 0).toString(16)}`
const nftName = (chain: string): string => chain.replaceAll('-', '_')
