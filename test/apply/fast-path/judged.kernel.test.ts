import assert from 'node:assert/strict'
import {createFastPath, createNftDriver, type FastPath, type NftDriver} from '../../../src/apply/index.ts'
import type {World} from '../../../src/model/index.ts'
import {createFlowEnds} from '../../support/flow-process.ts'
import {makeFlowRouter} from '../../support/flow-router.ts'
import {ANSWER, ASKER, createEnforcer, NEAR, ONE_WAY, pod, TUNNEL, withPods} from '../../support/flow-worlds.ts'
import {ipPacket, PROTOCOL, udpDatagram} from '../../support/ip-packets.ts'
import {eventually, inNamespace, type Namespace, shell} from '../../support/namespace.ts'
import {type PacketSender, startPacketSender} from '../../support/packet-sender.ts'

const OTHER = '10.2.0.8'
const ARRIVALS = `table inet seen {
  counter arrivals { }
  chain seen {
    type filter hook prerouting priority 0;
    udp dport 4000-4999 counter name arrivals
  }
}
`

/** Policy allows one direction alone, so that an answer passes as what it answers, or not at all. */
inNamespace(import.meta.url, () => {
  for (const trusts of [true, false])
    describe(`flows that the fast path judges${trusts ? '' : ', and never trusts'}`, () => {
      let fastPath: FastPath
      let driver: NftDriver
      let sender: PacketSender
      let near: Namespace
      let far: Namespace
      let enforce: ReturnType<typeof createEnforcer>
      let now: World = ONE_WAY
      let port = 4000
      const ends = createFlowEnds()

      const become = async (next: World): Promise<void> => {
        now = next
        await enforce(now)
      }
      /** Nothing changes but elements: a pod that no policy speaks of alone comes and goes. */
      const stir = (app: string): Promise<void> => become(withPods(now, [pod(OTHER, app)]))

      async function flow(): Promise<() => number> {
        port++
        await ends.start(near, 'serve', 'udp', ANSWER, port)
        const answers = await ends.start(far, 'ask', 'udp', ASKER, port, ANSWER, port)
        await eventually(() => answers() > 3)
        return answers
      }

      /** How many packets are judged here, and how many pass here, while so many answers come. */
      async function judgedWhile(answers: () => number, count = 20): Promise<[judged: number, all: number]> {
        const [judged, all, before] = [fastPath.judgedPackets(), fastPath.packets(), answers()]
        await eventually(() => answers() >= before + count)
        return [fastPath.judgedPackets() - judged, fastPath.packets() - all]
      }

      before(async function () {
        this.timeout(20_000)
        fastPath = createFastPath({trusts})
        driver = createNftDriver({fastPath})
        enforce = createEnforcer(driver, {fastPath: true})
        ;({near, far} = makeFlowRouter())
        near.run('nft -f -', ARRIVALS)
        sender = await startPacketSender(far)
        await become(withPods(ONE_WAY, [pod(OTHER, 'web')]))
        assert.ok(fastPath.judges())
      })
      after(async () => {
        ends.stop()
        sender?.stop()
        await driver?.close()
        fastPath?.close()
        shell(`nft flush ruleset; ip link delete ${NEAR}; ip link delete ${TUNNEL}`)
        for (const namespace of [near, far]) namespace?.remove()
      })
      afterEach(() => ends.stop())
      const arrivals = (): number => Number(/packets (\d+)/.exec(near.run('nft list counter inet seen arrivals'))![1])

      if (trusts)
        it('are those that were trusted before endpoints changed', async () => {
          const answers = await flow()
          assert.equal((await judgedWhile(answers))[0], 0)
          const judged = fastPath.judgedPackets()
          let [turn, packets] = [0, 0]
          await eventually(async () => {
            await stir(turn++ % 2 === 0 ? 'db' : 'web')
            packets = fastPath.judgedPackets() - judged
            return packets > 20 ? true : null
          })
          assert.ok(fastPath.judges())
        })
      else
        it('pass both ways', async () => {
          const [judged, all] = await judgedWhile(await flow())
          assert.ok(judged >= 36, `${judged} packets for 20 questions and answers`)
          assert.equal(judged, all)
        })

      it('end where the policy allows them no more, and go on where it does', async () => {
        const answers = await flow()
        await judgedWhile(answers)
        await become(withPods(now, [pod(ASKER, 'nobody')]))
        const denied = async (): Promise<number> => (await driver.readCounters()).get('deny_egress_b')?.packets ?? 0
        const before = await denied()
        await eventually(async () => ((await denied()) > before + 1 ? true : null))
        const [settled, packets] = [answers(), fastPath.packets()]
        const later = await denied()
        await eventually(async () => ((await denied()) > later + 5 ? true : null))
        assert.deepEqual([answers(), fastPath.packets()], [settled, packets])
        await become(withPods(now, [pod(ASKER, 'web')]))
        await eventually(() => fastPath.packets() > packets + 10)
      })

      it('pass the rules first behind any other change', async () => {
        await judgedWhile(await flow())
        ends.stop()
        const sent = {source: ASKER, destination: ANSWER, protocol: PROTOCOL.udp}
        const packet = ipPacket(sent, udpDatagram(sent, [port, port], Buffer.of(1)))
        /** By which way the next packet of the flow goes. */
        async function way(): Promise<'trusted' | 'judged' | 'rules'> {
          const [judged, all, before] = [fastPath.judgedPackets(), fastPath.packets(), arrivals()]
          await sender.send(packet)
          await eventually(() => arrivals() > before)
          if (fastPath.packets() === all) return 'rules'
          return fastPath.judgedPackets() === judged ? 'trusted' : 'judged'
        }
        const known = trusts ? 'trusted' : 'judged'
        const open = async (onlyJudgement: boolean) => {
          fastPath.open(onlyJudgement)
          return await way()
        }
        // One that is not fresh any more may be on its last second.
        fastPath.open()
        assert.equal(await way(), 'rules')
        assert.equal(await way(), known)
        assert.equal(await open(true), 'judged')
        assert.equal(await open(true), 'judged')
        assert.equal(await open(false), 'rules')
        assert.equal(await way(), known)
      })
    })
})
