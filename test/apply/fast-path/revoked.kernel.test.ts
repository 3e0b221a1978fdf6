import assert from 'node:assert/strict'
import {once} from 'node:events'
import {setTimeout as delay} from 'node:timers/promises'
import {Worker} from 'node:worker_threads'
import {createFastPath, createNftDriver} from '../../../src/apply/index.ts'
import {DRAIN_MS, type World} from '../../../src/model/index.ts'
import {frameOf} from '../../policy/raw-packet.ts'
import {address} from '../../policy/worlds.ts'
import {ANSWER, ASKER, createEnforcer, pod, START, withoutWeb, withPods} from '../../support/flow-worlds.ts'
import {makeLoopRouter, ROUTER_MAC} from '../../support/loop-router.ts'
import {eventually, inNamespace, shell} from '../../support/namespace.ts'

/** `CHANGES=1000 npx mocha …` is the longer run: each denies and allows again. */
const CHANGES = Number(process.env.CHANGES ?? 60)
/** So long none may come, after each deny. */
const QUIET_MS = 10

const COUNTER = `table netdev seen {
  chain arrived {
    type filter hook ingress device sink priority 0;
    udp dport 7 counter
  }
}
`
const arrived = (): number => Number(/packets (\d+)/.exec(shell('nft list table netdev seen'))![1])

/** By the last of them nothing changes but elements, so flows are judged by the fast path itself. */
const CAUSES: readonly [string, (before: World) => World][] = [
  ['a new policy', withoutWeb],
  ['a changed label set', (before) => withPods(before, [pod(ASKER, 'banned')])],
]

inNamespace(import.meta.url, () => {
  describe('a remembered flow under a flood', () => {
    before(() => {
      makeLoopRouter()
      shell('nft -f -', COUNTER)
    })

    for (const [cause, deny] of CAUSES) {
      it(`ends with each deny by ${cause}, however many of its packets are on their way, and is remembered anew`, async () => {
        const fastPath = createFastPath()
        const driver = createNftDriver({fastPath})
        const enforce = createEnforcer(driver, {fastPath: true, near: 'right', tunnel: 'left'})
        let now = START
        await enforce(now)
        const packet = {from: address(ASKER), to: address(ANSWER), protocol: 17, sourcePort: 7, destinationPort: 7}
        const running = new Int32Array(new SharedArrayBuffer(4)).fill(1)
        const flood = new Worker(new URL('../../policy/frame-flood.ts', import.meta.url), {
          workerData: {device: 'near', frames: [frameOf(packet, 1, ROUTER_MAC)], running},
        })
        try {
          for (let change = 0; change < CHANGES; change++) {
            const fast = fastPath.packets()
            await eventually(() => fastPath.packets() > fast + 100)
            const denied = deny(now)
            await enforce(denied)
            await delay(DRAIN_MS)
            const [atDeny, fastAtDeny] = [arrived(), fastPath.packets()]
            await delay(QUIET_MS)
            assert.deepEqual([arrived() - atDeny, fastPath.packets() - fastAtDeny], [0, 0], `change ${change}`)
            now = {...START, memberRevision: denied.memberRevision + 1}
            await enforce(now)
          }
        } finally {
          const ended = once(flood, 'message')
          Atomics.store(running, 0, 0)
          await ended
          await driver.close()
          fastPath.close()
        }
      }).timeout(60_000 + CHANGES * 1000)
    }
  })
})
