import assert from 'node:assert/strict'
import {createFastPath, createNftDriver, type FastPath, type NftDriver} from '../../src/apply/index.ts'
import type {World} from '../../src/model/index.ts'
import {createFlowEnds} from '../support/flow-process.ts'
import {makeFlowRouter} from '../support/flow-router.ts'
import {ANSWER, ASKER, createEnforcer, NEAR, pod, START, TUNNEL, withoutWeb, withPods} from '../support/flow-worlds.ts'
import {eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

const CAUSES: readonly [cause: string, change: (before: World) => World][] = [
  ['a new policy', withoutWeb],
  ['a changed label set', (before) => withPods(before, [pod(ASKER, 'banned')])],
  ['another owner of the address', (before) => withPods(before, [pod(ASKER, 'web'), pod(ASKER, 'banned', 2)])],
]

inNamespace(import.meta.url, () => {
  for (const isFast of [false, true])
    describe(`a deny and the flows that run${isFast ? ', by the fast path' : ''}`, () => {
      let fastPath: FastPath | null
      let driver: NftDriver
      let near: Namespace
      let far: Namespace
      let enforce: ReturnType<typeof createEnforcer>
      const ends = createFlowEnds()
      const denied = async (): Promise<number> => (await driver.readCounters()).get('deny_ingress_a')?.packets ?? 0

      before(async function () {
        this.timeout(20_000)
        fastPath = isFast ? createFastPath() : null
        driver = createNftDriver(fastPath ? {fastPath} : {})
        enforce = createEnforcer(driver, {fastPath: isFast})
        ;({near, far} = makeFlowRouter())
      })
      after(async () => {
        ends.stop()
        await driver?.close()
        fastPath?.close()
        shell(`nft flush ruleset; ip link delete ${NEAR}; ip link delete ${TUNNEL}`)
        for (const namespace of [near, far]) namespace?.remove()
      })

      let port = 4000
      for (const protocol of ['tcp', 'udp'] as const) {
        for (const [cause, change] of CAUSES) {
          it(`${protocol}: ${cause} ends one at once, both ways, and a twin's stale state does not revive it`, async () => {
            port++
            await enforce(START)
            await ends.start(near, 'serve', protocol, ANSWER, port)
            const answers = await ends.start(far, 'ask', protocol, ASKER, port, ANSWER, port)
            await eventually(() => (answers() > 5 ? true : null))
            if (fastPath && protocol === 'udp') assert.ok(fastPath.packets() > 0)
            const flow = `-p ${protocol} --orig-src ${ASKER} --orig-dst ${ANSWER} --sport ${port} --dport ${port}`
            const [, stale] = /mark=(\d+)/.exec(shell(`conntrack -L ${flow} 2>/dev/null`))!
            assert.notEqual(stale, '0')

            await enforce(change(START))
            const [atDeny, before] = [answers(), await denied()]
            await eventually(async () => ((await denied()) > before + 2 ? true : null))
            // What was on its way through the namespaces at that moment may still have come.
            const settled = answers()
            assert.ok(settled <= atDeny + 1, `${settled - atDeny} answers after the deny`)

            // A twin that takes over has the states as they were when it last heard of them.
            for (const mark of [1, stale]) shell(`conntrack -U ${flow} --mark ${mark}`)
            const revived = await denied()
            await eventually(async () => ((await denied()) > revived + 1 ? true : null))
            assert.equal(answers(), settled)

            // The other direction is allowed, and was all along.
            const reverse = port + 1000
            await ends.start(far, 'serve', protocol, ASKER, reverse)
            const asked = await ends.start(near, 'ask', protocol, ANSWER, reverse, ASKER, reverse)
            await eventually(() => (asked() > 2 ? true : null))
          }).timeout(20_000)
        }
      }
    })
})
