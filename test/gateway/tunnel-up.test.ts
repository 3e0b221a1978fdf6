import assert from 'node:assert/strict'
import {tunnelUp} from '../../src/gateway/monitor.ts'
import type {SiteName, Tunnel} from '../../src/model/index.ts'
import type {BfdSession, BgpSessionState, RouterState} from '../../src/observe/index.ts'

const tunnel: Tunnel = {
  id: 'wan b/b1/wan 0',
  remote: 'b/b1/wan',
  site: 'b' as SiteName,
  gateway: 'b1',
  localUplink: 'wan',
  slot: 0,
  encapsulation: 'ipip',
  device: 'is-b-1',
  local: '169.254.100.1',
  peer: '169.254.100.2',
  session: 't_b_1',
} as Tunnel
const session = {name: tunnel.session, up: true, gracefulRestart: false} as BgpSessionState
const bfd = (part: Partial<BfdSession>) =>
  ({neighbor: tunnel.peer, device: tunnel.device, up: true, ...part}) as BfdSession

const cases: readonly [claim: string, up: boolean, part: Partial<RouterState> | null][] = [
  ['nothing is known of BIRD', false, null],
  ['the session is established, without BFD', true, {sessions: [session]}],
  ['session and BFD are up', true, {sessions: [session], bfd: [bfd({})]}],
  ['BFD no longer sees the other end, and BGP has not noticed', false, {sessions: [session], bfd: [bfd({up: false})]}],
  ['BFD is down on another device', true, {sessions: [session], bfd: [bfd({device: 'is-b-2', up: false})]}],
  ['BFD is down to another neighbour', true, {sessions: [session], bfd: [bfd({neighbor: '169.254.100.9', up: false})]}],
  ['the session is down', false, {sessions: [{...session, up: false}]}],
  ['its routes are only kept until it is back', false, {sessions: [{...session, gracefulRestart: true}]}],
]

describe('a tunnel', () => {
  for (const [claim, up, part] of cases) {
    it(`is ${up ? 'up' : 'down'} when ${claim}`, () => {
      const router = part && {up: true, version: '2', sessions: [], bfd: [], routes: new Map(), ...part}
      assert.equal(tunnelUp(tunnel, {router: () => router}), up)
    })
  }
})
