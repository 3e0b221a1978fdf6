import {createHash} from 'node:crypto'
import {BIRD_HASH_CONSTANT, DEVICE_PREFIX} from '../model/index.ts'
import {prefixFamily} from '../net/index.ts'
import type {BfdOptions, BgpSession, BirdConfig, StaticProtocol} from './bird-config.ts'
import {LOST_NETWORKS} from './input.ts'
import {renderFilter, renderPattern} from './render-filter.ts'
import {block, quoted, symbol} from './render-text.ts'
import {renderUplinkTable} from './uplink-tables.ts'

const FIRST_LINE = '# Written by Isthmus; changes are overwritten.'

/**
 * Prints BIRD's configuration file (BIRD 2.0.12). Equal trees give equal bytes.
 *
 * The constant at the end is the hash of everything before it: asked for over the control socket it tells whether the
 * running BIRD has loaded this very text.
 */
export function renderBird(config: BirdConfig): string {
  const body = [
    FIRST_LINE,
    `# Gateway ${config.owner}.`,
    '',
    // Standard error is systemd's journal as well as a lab's log file; syslog would say everything twice.
    'log stderr { info, remote, warning, error, auth, fatal, bug };',
    `router id ${config.routerId};`,
    'timeformat base iso long;',
    'timeformat protocol iso long;',
    'timeformat log iso long ms;',
    // After a start with -R the kernel's routes wait for all neighbours; one that is away must not hold up the others.
    'graceful restart wait 10;',
    '',
    // A WAN neighbour stays Idle until the first scan after a configuration that brought this protocol: seen, 10 s.
    ...block('protocol device devices', ['scan time 1;']),
    '',
    // Connected networks: next hops of nodes are resolved through them. Never our own tunnels' addresses.
    ...block('protocol direct connected', [
      'check link on;',
      'ipv4;',
      'ipv6;',
      `interface -${quoted(`${DEVICE_PREFIX}*`)}, "*";`,
    ]),
    '',
    ...block('protocol bfd bfd1', [
      ...config.bfdDevices.flatMap(({device, options}) =>
        block(`interface ${quoted(device)}`, [bfdTimes(options)], '};'),
      ),
      ...config.bfdNeighbors.map(
        ({neighbor, local, device}) => `neighbor ${neighbor} dev ${quoted(device)} local ${local};`,
      ),
    ]),
    '',
    ...block('filter to_kernel', [
      // The kernel has its connected networks itself.
      'if source = RTS_DEVICE then reject;',
      ...(config.lostNetworks === null ? [] : [`if proto = ${quoted(LOST_NETWORKS)} then reject;`]),
      ...config.kernelExcludes.map((name) => `if proto = ${quoted(name)} then reject;`),
      ...config.kernelUnreachable.map((name) => `if proto = ${quoted(name)} then dest = RTD_UNREACHABLE;`),
      ...([4, 6] as const).flatMap((family) => {
        const patterns = config.kernelUnresolved.filter(({prefix}) => prefixFamily(prefix) === family)
        if (patterns.length === 0) return []
        const isInside = `net.type = NET_IP${family} && net ~ [ ${patterns.map(renderPattern).join(', ')} ]`
        return [`if source = RTS_BGP && dest = RTD_UNREACHABLE && ${isInside} then reject;`]
      }),
      'accept;',
    ]),
    '',
    ...kernel(4),
    '',
    ...kernel(6),
    ...(config.lostNetworks === null ? [] : ['', ...lostNetworks(config.lostNetworks)]),
    ...config.uplinkTables.flatMap((table) => ['', ...renderUplinkTable(table)]),
    ...config.tables.flatMap(({name, family}) => ['', `ipv${family} table ${name};`]),
    ...config.pipes.flatMap((pipe) => ['', ...renderPipe(pipe)]),
    ...config.statics.flatMap((protocol) => ['', ...renderStatic(protocol)]),
    ...config.sessions.flatMap((session) => ['', ...renderSession(session)]),
    '',
  ]
  const text = body.map((line) => `${line}\n`).join('')
  return `${text}define ${BIRD_HASH_CONSTANT} = ${quoted(contentHash(text))};\n`
}

function contentHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** `persist` and `graceful restart`: the kernel keeps its routes while BIRD is away, and until it has learnt them again. */
function kernel(family: 4 | 6): string[] {
  return block(`protocol kernel kernel${family}`, [
    'scan time 10;',
    'persist;',
    'graceful restart on;',
    'merge paths on limit 16;',
    ...block(`ipv${family}`, ['import none;', 'export filter to_kernel;'], '};'),
  ])
}

/**
 * Of a network that is connected and cannot be reached somebody else knows. One protocol of this kind is all that a table can
 * have, so these routes come by a table of their own, and beat the connected network's (240).
 */
function lostNetworks(kernelTable: number): string[] {
  return [
    'ipv4 table lost4;',
    ...block(`protocol kernel ${LOST_NETWORKS}`, [
      `kernel table ${kernelTable};`,
      'scan time 10;',
      'learn on;',
      ...block('ipv4', ['table lost4;', 'import filter { preference = 250; accept; };', 'export none;'], '};'),
    ]),
    ...block('protocol pipe lost_to_master', ['table master4;', 'peer table lost4;', 'import all;', 'export none;']),
  ]
}

function renderPipe({name, from, to, rules}: BirdConfig['pipes'][number]): string[] {
  const body = [`table ${from};`, `peer table ${to};`, 'import none;', ...renderFilter('export', rules)]
  return block(`protocol pipe ${name}`, body)
}

function renderStatic({name, family, comment, preference, tables, routes}: StaticProtocol): string[] {
  const target = (to: (typeof routes)[number]['to']): string => {
    if (typeof to === 'string') return to
    if ('witness' in to) return `recursive ${to.witness}`
    if ('towards' in to) return `recursive ${to.towards}`
    if ('over' in to) {
      return to.over.map(({peer, device}) => `via ${peer}%${symbol(device)}${to.bfd ? ' bfd' : ''}`).join(' ')
    }
    if ('onlink' in to) return `via ${to.onlink}%${symbol(to.device)} onlink`
    const hops = to.via.map((address) => `via ${address}`).join(' ')
    return to.source === null ? hops : `${hops} { krt_prefsrc = ${to.source}; }`
  }
  const channel = [
    ...(tables ? [`table ${tables.routes};`] : []),
    ...(preference === null ? [] : [`preference ${preference};`]),
  ]
  return [
    `# ${comment}`,
    ...block(`protocol static ${name}`, [
      'check link on;',
      ...(tables?.witnesses ? [`igp table ${tables.witnesses};`] : []),
      channel.length === 0 ? `ipv${family};` : `ipv${family} { ${channel.join(' ')} };`,
      ...routes.map(({prefix, to, preference: own}) => {
        const set = own === undefined ? '' : ` { preference = ${own}; }`
        return `route ${prefix} ${target(to)}${set};`
      }),
    ]),
  ]
}

function renderSession(session: BgpSession): string[] {
  const local = session.local === null ? '' : `${session.local} `
  return [
    `# ${session.comment}`,
    ...block(`protocol bgp ${session.name}`, [
      `local ${local}as ${session.localAs};`,
      `neighbor ${session.neighbor} as ${session.neighborAs};`,
      ...(session.device === null ? [] : [`interface ${quoted(session.device)};`]),
      ...renderReach(session),
      ...(session.ttlSecurity ? ['ttl security on;'] : []),
      ...(session.password === null ? [] : [`password ${quoted(session.password)};`]),
      ...(session.rrClient ? ['rr client;'] : []),
      ...(session.clusterId === null ? [] : [`rr cluster id ${session.clusterId};`]),
      ...renderRole(session),
      ...(session.allowAsIn === 0 ? [] : [`allow local as ${session.allowAsIn};`]),
      ...(session.holdSeconds === null ? [] : [`hold time ${session.holdSeconds};`]),
      ...renderBfd(session),
      `graceful restart ${session.gracefulRestart ? 'on' : 'off'};`,
      ...(session.gracefulRestart === 'last'
        ? ['graceful restart time 0;', 'long lived graceful restart on;', 'long lived stale time 120;']
        : []),
      // BIRD's defaults leave a path that is back unused for half a minute.
      'connect delay time 1;',
      'connect retry time 1;',
      // A neighbour that has just sent too much will do so again.
      session.limitAction === 'restart' ? 'error wait time 30, 300;' : 'error wait time 1, 1;',
      ...block(
        `ipv${session.family}`,
        [
          ...(session.igpTable === null ? [] : [`igp table ${session.igpTable};`]),
          // Else BIRD would look on all devices, and not in that table.
          ...(session.igpTable !== null && session.reach === 'direct' ? ['gateway recursive;'] : []),
          'next hop self;',
          ...(session.nextHop === null ? [] : [`next hop address ${session.nextHop};`]),
          'import keep filtered on;',
          // Whatever the action: what is received is kept, and memory is bounded.
          `receive limit ${session.maxPrefixes * 2} action ${session.limitAction === 'warn' ? 'block' : session.limitAction};`,
          `import limit ${session.maxPrefixes} action ${session.limitAction};`,
          ...(session.addPaths === 'off' ? [] : [`add paths ${ADD_PATHS[session.addPaths]};`]),
          ...renderFilter('import', session.import),
          ...renderFilter('export', session.export),
        ],
        '};',
      ),
    ]),
  ]
}

const ADD_PATHS = {receive: 'rx', send: 'tx', both: 'on'} as const

function renderReach({reach}: BgpSession): string[] {
  if (reach === null) return []
  return [typeof reach === 'string' ? `${reach};` : `multihop ${reach.hops};`]
}

function renderRole({role}: BgpSession): string[] {
  if (role === null) return []
  return [`local role ${role.own.replace('-', '_')};`, ...(role.required ? ['require roles on;'] : [])]
}

function renderBfd({bfd}: BgpSession): string[] {
  if (bfd === null) return []
  return [`bfd ${bfd.mode};`, `bfd { ${bfdTimes(bfd)} };`]
}

const bfdTimes = ({intervalMs, multiplier, idleMs}: BfdOptions): string =>
  [
    `min rx interval ${intervalMs} ms; min tx interval ${intervalMs} ms;`,
    ...(idleMs === undefined ? [] : [`idle tx interval ${idleMs} ms;`]),
    `multiplier ${multiplier};`,
  ].join(' ')
