import assert from 'node:assert/strict'
import {Registry} from 'prom-client'
import {ReplyReader} from '../../../src/bird/index.ts'
import {createBirdMetrics, parseBfdSessions, parseSessions, type RouterState} from '../../../src/observe/bird/index.ts'

/** As BIRD 2.0.12 writes it to the socket. */
const PROTOCOLS = `2002-Name       Proto      Table      State  Since         Info
1002-devices    Device     ---        up     2026-11-25 19:14:19  
1006-
1002-static4    Static     master4    up     2026-11-25 19:14:19  
1006-  Channel ipv4
     State:          UP
     Routes:         2 imported, 0 exported, 2 preferred
 
1002-tun_x_1f2e3d BGP        ---        up     2026-11-25 19:14:20  Established   
1006-  BGP state:          Established
     Neighbor address: 100.64.2.0%is-x-1f2e3d
     Neighbor AS:      4200000002
     Local AS:         4200000001
     Neighbor capabilities
       Graceful restart
         Restart time: 120
     Source address:   100.64.1.0
   Channel ipv4
     State:          UP
     Routes:         1 imported, 3 filtered, 2 exported, 1 preferred
     Route change stats:     received   rejected   filtered    ignored   accepted
       Import updates:              4          0          3          0          1
     BGP Next hop:   100.64.1.0
 
1002-node_n1_aaaaaa BGP        ---        start  2026-11-25 19:14:23  Active        Error: BFD session down
1006-  BGP state:          Active
     Neighbor address: 192.168.1.1
     Neighbor AS:      64512
     Neighbor graceful restart active
     Last error:       Error: BFD session down
   Channel ipv4
     State:          START
     Routes:         1 imported, 1 filtered, 0 exported, 1 preferred
 
1002-wan_r1_bbbbbb BGP        ---        down   2026-11-25 19:14:23  
1006-  BGP state:          Down
     Neighbor address: 192.0.2.254
     Neighbor AS:      64900
   Channel ipv4
     State:          DOWN
     Receive limit:  20
       Action:       disable
     Import limit:   10 [HIT]
       Action:       disable
 
1002-other      BGP        ---        up     2026-11-25 19:14:20  Established   
1006-  BGP state:          Established
     Neighbor address: 192.0.2.99
     Neighbor AS:      1
 
0000 
`

const BFD = `1020-bfd1:
 IP address                Interface  State      Since         Interval  Timeout
 100.64.3.0                is-c-aaaaaa Down       2026-11-25 19:14:23    1.000    0.000
 100.64.2.0                is-b-1f2e3d Up         2026-11-25 19:14:20    0.100    0.300
 192.0.2.9                 ---        Init       19:14:20.123    0.100    0.300
0000 
`

const reply = (text: string) => new ReplyReader().push(text)[0]!
const at = (text: string): number => Date.parse(`2026-11-25T${text}`)

describe('parseSessions', () => {
  it('a limit that was hit is told with what became of it', () => {
    assert.deepEqual(
      parseSessions(reply(PROTOCOLS)).map(({name, limitHit}) => [name, limitHit]),
      [
        ['node_n1_aaaaaa', null],
        ['tun_x_1f2e3d', null],
        ['wan_r1_bbbbbb', {of: 'imported', limit: 10, action: 'disable'}],
      ],
    )
  })

  it('how many prefixes a neighbour may announce is told where it is limited', () => {
    assert.deepEqual(
      parseSessions(reply(PROTOCOLS)).map(({maxPrefixes}) => maxPrefixes),
      [null, null, 10],
    )
  })

  it('tells our sessions and nobody else’s', () => {
    assert.deepEqual(
      parseSessions(reply(PROTOCOLS)).map(({name, kind, state, up, sinceMs, neighbor, as}) => ({
        name,
        kind,
        state,
        up,
        sinceMs,
        neighbor,
        as,
      })),
      [
        {
          name: 'node_n1_aaaaaa',
          kind: 'node',
          state: 'Active',
          up: false,
          sinceMs: at('19:14:23'),
          neighbor: '192.168.1.1',
          as: 64512,
        },
        {
          name: 'tun_x_1f2e3d',
          kind: 'tunnel',
          state: 'Established',
          up: true,
          sinceMs: at('19:14:20'),
          neighbor: '100.64.2.0',
          as: 4200000002,
        },
        {
          name: 'wan_r1_bbbbbb',
          kind: 'wan',
          state: 'Down',
          up: false,
          sinceMs: at('19:14:23'),
          neighbor: '192.0.2.254',
          as: 64900,
        },
      ],
    )
  })

  it('counts routes, and tells errors and graceful restarts', () => {
    const [node, tunnel, wan] = parseSessions(reply(PROTOCOLS))
    const {imported, filtered, received, exported, preferred} = tunnel!
    assert.deepEqual([imported, filtered, received, exported, preferred], [1, 3, 4, 2, 1])
    assert.deepEqual(
      [node, tunnel, wan].map((session) => [session!.gracefulRestart, session!.lastError]),
      [
        [true, 'Error: BFD session down'],
        [false, null],
        [false, null],
      ],
    )
  })
})

describe('parseBfdSessions', () => {
  it('tells each neighbour’s session', () => {
    assert.deepEqual(parseBfdSessions(reply(BFD)), [
      {
        neighbor: '100.64.2.0',
        device: 'is-b-1f2e3d',
        state: 'Up',
        up: true,
        sinceMs: at('19:14:20'),
        intervalSeconds: 0.1,
        detectSeconds: 0.3,
      },
      {
        neighbor: '100.64.3.0',
        device: 'is-c-aaaaaa',
        state: 'Down',
        up: false,
        sinceMs: at('19:14:23'),
        intervalSeconds: 1,
        detectSeconds: 0,
      },
      {
        neighbor: '192.0.2.9',
        device: null,
        state: 'Init',
        up: false,
        sinceMs: null,
        intervalSeconds: 0.1,
        detectSeconds: 0.3,
      },
    ])
  })

  it('no BFD: nothing', () => {
    assert.deepEqual(parseBfdSessions(reply('9001 There is no BFD protocol running\n')), [])
  })
})

describe('createBirdMetrics', () => {
  const state = (text: string): RouterState => ({
    up: true,
    version: '2.0.12',
    sessions: parseSessions(reply(text)),
    bfd: parseBfdSessions(reply(BFD)),
    routes: new Map([['master4', 7]]),
  })
  const AWAY: RouterState = {up: false, version: null, sessions: [], bfd: [], routes: new Map()}
  const lines = async (register: Registry) => (await register.metrics()).split('\n')

  it('has a series for each session and what became of its prefixes', async () => {
    const register = new Registry()
    createBirdMetrics(register).set(state(PROTOCOLS))
    const text = await lines(register)
    for (const line of [
      'isthmus_bird_up 1',
      'isthmus_bgp_session_up{neighbor="100.64.2.0",session="tun_x_1f2e3d",kind="tunnel"} 1',
      'isthmus_bgp_session_up{neighbor="192.168.1.1",session="node_n1_aaaaaa",kind="node"} 0',
      'isthmus_bgp_prefixes{neighbor="100.64.2.0",session="tun_x_1f2e3d",kind="filtered"} 3',
      'isthmus_bgp_session_graceful_restart{neighbor="192.168.1.1",session="node_n1_aaaaaa"} 1',
      'isthmus_bfd_session_up{neighbor="100.64.2.0",device="is-b-1f2e3d"} 1',
      'isthmus_bird_routes{table="master4"} 7',
    ]) {
      assert.ok(text.includes(line), line)
    }
  })

  it('a BIRD that is away leaves no session behind', async () => {
    const register = new Registry()
    const metrics = createBirdMetrics(register)
    metrics.set(state(PROTOCOLS))
    metrics.set(AWAY)
    const text = await lines(register)
    assert.ok(text.includes('isthmus_bird_up 0'))
    assert.deepEqual(
      text.filter((line) => line.startsWith('isthmus_bgp_session_up{') || line.startsWith('isthmus_bfd')),
      [],
    )
  })

  it('a clock that is set, or a second that BIRD rounds otherwise, takes no session for lost', async () => {
    const register = new Registry()
    let aheadMs = 0
    const metrics = createBirdMetrics(register, () => aheadMs)
    const at = (time: string) => state(PROTOCOLS.replaceAll('2026-11-25 19:14:20', `2026-11-25 ${time}`))
    metrics.set(at('19:14:20'))
    metrics.set(at('19:14:21'))
    metrics.set(at('19:14:20'))
    aheadMs = 3_600_000
    metrics.set(at('20:14:20'))
    aheadMs = -3_600_000
    metrics.set(at('18:14:20'))
    const flaps = (await lines(register)).filter((line) => line.startsWith('isthmus_bgp_session_flaps_total{'))
    assert.ok(flaps.length > 0)
    for (const line of flaps) assert.match(line, / 0$/)
  })

  it('counts a session that was lost, also one that was back before anybody looked', async () => {
    const register = new Registry()
    const metrics = createBirdMetrics(register)
    const flaps = async () =>
      (await lines(register)).find((line) => /flaps_total\{.*tun_x/.test(line))?.replace(/.* /, '')
    const back = PROTOCOLS.replace('2026-11-25 19:14:20  Established', '2026-11-25 19:20:00  Established')
    metrics.set(state(PROTOCOLS))
    metrics.set(state(PROTOCOLS))
    assert.equal(await flaps(), '0')
    metrics.set(state(back))
    assert.equal(await flaps(), '1')
    metrics.set(
      state(
        back.replace(
          'BGP state:          Established\n     Neighbor address: 100',
          'BGP state:          Idle\n     Neighbor address: 100',
        ),
      ),
    )
    assert.equal(await flaps(), '2')
  })
})
