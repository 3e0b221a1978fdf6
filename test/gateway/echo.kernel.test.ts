import assert from 'node:assert/strict'
import {createSocket} from 'node:dgram'
import {once} from 'node:events'
import {setTimeout as delay} from 'node:timers/promises'
import {createNetlinkDriver} from '../../src/apply/netlink/index.ts'
import {realClock} from '../../src/gateway/clock.ts'
import {startLoop} from '../../src/gateway/loop.ts'
import {followNews} from '../../src/gateway/news.ts'
import type {PassReport} from '../../src/gateway/pass.ts'
import {type NetlinkStep, stepKey} from '../../src/model/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {inNamespace} from '../support/namespace.ts'

const STEP: NetlinkStep = {
  ...{key: stepKey('link is-b-1f2e'), needs: [], reason: 'test', driver: 'netlink', do: 'link-create'},
  link: {
    ...{name: 'is-b-1f2e', alias: 'isthmus a/g1/wan b/g1/wan slot 3', mtu: 1420, kind: 'vxlan', ttl: 64, vni: 7001},
    ...{local: parseAddress('192.0.2.1')!, remote: parseAddress('192.0.2.2')!, port: 4789},
  },
}

inNamespace(import.meta.url, () => {
  it('a device that does not come up, since another program has its port, is not tried for its own noise', async () => {
    const taken = createSocket('udp4').bind(4789)
    await once(taken, 'listening')
    const netlink = createNetlinkDriver()
    const stopping = new AbortController()
    const {signal} = stopping
    let last: Pick<PassReport, 'steps' | 'failures'> | null = null
    let passes = 0
    const pass = async (): Promise<boolean> => {
      passes++
      const failures = (await netlink.apply([STEP], signal)).filter((outcome) => !outcome.ok)
      last = {steps: [STEP], failures}
      return failures.length > 0
    }
    const loop = startLoop({
      ...{clock: realClock, pass, signal, restMs: 5, backoffMs: {first: 100, last: 60_000}, idleMs: 1000},
    })
    const news = followNews({
      ...{kernel: {netlink, nft: {watch: () => () => undefined}}, birdSocket: '/nowhere', signal},
      ...{cache: {invalidate: () => undefined}, trigger: loop.trigger, last: () => last},
    })
    await delay(2000)
    stopping.abort()
    news.stop()
    await Promise.all([loop.done, news.done])
    taken.close()
    netlink.close()
    // 0, 0.1, 0.3, 0.7, 1.5 s by the backoff, and one a second for the noise.
    assert.ok(passes >= 4 && passes <= 8, `${passes} passes in two seconds`)
  })
})
