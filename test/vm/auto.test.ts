import assert from 'node:assert/strict'
import {spawn} from 'node:child_process'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createFouDriver, createNetlinkDriver, type FouDriver, type NetlinkDriver} from '../../src/apply/index.ts'
import {diff} from '../../src/diff/index.ts'
import {type CarrierKeeping, createCarriers} from '../../src/gateway/carriers.ts'
import type {
  Carrier,
  Carriers,
  Desired,
  FouPort,
  FouStep,
  LinkSpec,
  NetlinkStep,
  PlainForm,
  SiteName,
  SiteView,
  UplinkPair,
} from '../../src/model/index.ts'
import {startProber} from '../../src/probe/index.ts'
import {type PlannedTunnels, planTunnels} from '../../src/tunnels/index.ts'
import {configOf, type Sketch, viewOf} from '../support/interconnect.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

// Needs the modules ipip and fou; run in the VM where the running kernel has none.
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'auto'},
}
const [NEAR, FAR] = ['192.0.2.8', '192.0.2.16']
const PAIR: UplinkPair = 'a/a1/wan b/b1/wan'

/** Counts protocol 4 as it is. */
const WATCH = `table inet path {
  counter plain {
  }
  chain path {
    type filter hook prerouting priority -500; policy accept;
    iifname "wan0" meta l4proto 4 counter name "plain"
  }
}`

inNamespace(import.meta.url, () => {
  describe('IPIP and the same in UDP, on one device', function () {
    this.timeout(120_000)
    const {signal} = new AbortController()
    const stopping = new AbortController()
    let far: Namespace
    let netlink: NetlinkDriver
    let fou: FouDriver
    let noted: readonly FouPort[] = []
    let state: string

    before(() => {
      state = mkdtempSync(join(tmpdir(), 'isthmus-auto-'))
      far = createNamespace('far')
      shell(`modprobe fou; ip link add wan0 type veth peer name wan0 netns ${far.name}
ip link set wan0 up; ip address add ${NEAR}/24 dev wan0`)
      far.run(`ip link set wan0 up; ip address add ${FAR}/24 dev wan0; ip fou add port 5555 ipproto 4`)
      far.run('nft -f -', WATCH)
      netlink = createNetlinkDriver()
      fou = createFouDriver({
        read: async () => noted,
        write: async (ports) => {
          noted = ports
        },
      })
    })
    after(async () => {
      stopping.abort()
      netlink.close()
      fou.close()
      shell(`for d in $(ls /sys/class/net | grep ^is-); do ip link delete $d; done
ip fou del port 5555 local ${NEAR}; ip link delete wan0`)
      far.remove()
      rmSync(state, {recursive: true})
    })

    const planOf = (of: 'a' | 'b', carriers: readonly Carrier[], theirs: readonly Carrier[]): PlannedTunnels => {
      const other = of === 'a' ? 'b' : 'a'
      const pairs = (own: string, there: string): UplinkPair => `${own}/${own}1/wan ${there}/${there}1/wan`
      const plan = (name: string, held: readonly Carrier[], sites: ReadonlyMap<SiteName, SiteView>) => {
        const there = name === 'a' ? 'b' : 'a'
        return planTunnels({
          ...{config: configOf(SKETCH, name), sites, keys: new Map()},
          carriers: new Map([[pairs(name, there), held]]),
        })
      }
      const deaf = (name: string) => new Map([[name as SiteName, viewOf(SKETCH, name)]])
      const told = new Map(
        [...plan(other, theirs, deaf(of)).offers].map(([, offers]) => [`${of}/${of}1/wan`, offers] as const),
      )
      return plan(of, carriers, new Map([[other as SiteName, viewOf(SKETCH, other, told as never)]]))
    }
    const carrier = (encapsulation: PlainForm, ipip = false): Carrier => ({
      ...{slot: 0, serial: 0, encapsulation, both: true, ipip, phase: 'open'},
    })

    /** As much of a pass as this is about; how often a device was made or taken away. */
    async function put(plan: PlannedTunnels): Promise<number> {
      const {links, addresses} = await netlink.read(signal)
      const nothing = {
        sysctls: [],
        wireguard: [],
        queues: [],
        sourceRules: [],
        nft: {chains: new Map(), sets: new Map(), counters: []},
        bird: '',
      }
      const actual = {
        sysctls: new Map(),
        wireguard: [],
        queues: [],
        sourceRules: [],
        nft: null,
        bird: {text: '', loaded: true},
      }
      const steps = diff(
        {...nothing, ...plan} as unknown as Desired,
        {...actual, links, addresses, fouPorts: await fou.read(signal)} as never,
        {mayPrune: () => true},
      ).filter(({driver}) => driver === 'fou' || driver === 'netlink')
      for (const step of steps) {
        const driver = step.driver === 'fou' ? fou : netlink
        const [outcome] = await driver.apply([step as FouStep & NetlinkStep], signal)
        assert.ok(outcome?.ok, JSON.stringify(outcome))
      }
      return steps.filter((step) => 'do' in step && /^link-(create|delete)$/.test(step.do)).length
    }

    const words = (link: LinkSpec): string => {
      if (link.kind !== 'ipip') throw new Error(link.kind)
      const encap = link.fou === undefined ? 'noencap' : `encap fou encap-sport auto encap-dport ${link.fou}`
      return `type ipip local ${link.local} remote ${link.remote} ttl 64 ${encap}`
    }
    const makeFar = ({links, addresses}: PlannedTunnels): void => {
      for (const link of links)
        far.run(`ip link add ${link.name} ${words(link)}; ip link set ${link.name} mtu ${link.mtu} up`)
      for (const {device, local, peer} of addresses) far.run(`ip address add ${local}/32 peer ${peer} dev ${device}`)
    }
    const changeFar = ({links}: PlannedTunnels): void => {
      far.run(links.map((link) => `ip link change ${link.name} ${words(link)}`).join('; '))
    }
    const plainSeen = (): number => Number(/packets (\d+)/.exec(far.run('nft list counter inet path plain'))![1])
    const [MAIN, TRIAL] = ['100.64.2.0', '100.64.2.1']

    it('a second device to the same address only sends; each address is asked and answered in its own form', async () => {
      const [here, there] = [carrier('fou'), carrier('fou')]
      await put(planOf('a', [here], [there]))
      makeFar(planOf('b', [there], [here]))
      const before = plainSeen()
      shell(`ping -q -c 3 -i 0.05 -W 5 ${MAIN}`)
      assert.equal(plainSeen(), before)
      shell(`ping -q -c 3 -i 0.05 -W 5 ${TRIAL}`)
      assert.ok(plainSeen() >= before + 3)
      const {links} = planOf('a', [here], [there])
      const received = (name: string): number =>
        Number(shell(`cat /sys/class/net/${name}/statistics/rx_packets`).trim())
      const [main, trial] = links.toSorted((a, b) => ('local' in a && a.local === NEAR ? -1 : 'local' in b ? 1 : 0))
      assert.ok(received(main!.name) >= 6, 'answers to both arrive on the device of the tunnel')
      assert.equal(received(trial!.name), 0)
    })

    it('the form is changed under traffic, at one end and then at the other, there and back: no packet is lost', async () => {
      const ping = spawn('ping', ['-q', '-i', '0.01', MAIN], {stdio: ['ignore', 'pipe', 'inherit']})
      let said = ''
      ping.stdout.setEncoding('utf8').on('data', (text) => {
        said += text
      })
      const ended = new Promise((resolve) => ping.once('close', resolve))
      let replaced = 0
      for (const form of ['ipip', 'fou'] as const) {
        const old = form === 'ipip' ? 'fou' : 'ipip'
        replaced += await put(planOf('a', [carrier(form)], [carrier(old)]))
        shell('sleep 0.3')
        changeFar(planOf('b', [carrier(form)], [carrier(form)]))
        shell('sleep 0.3')
      }
      ping.kill('SIGINT')
      await ended
      const [, sent, answered] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? []
      assert.ok(Number(sent) > 50, said)
      // The last one may be on its way.
      assert.ok(Number(sent) - Number(answered) <= 1, said)
      assert.equal(replaced, 0)
    })

    it('protocol 4 that is dropped later is noticed by probes and left, without a human', async () => {
      let theirs: readonly Carrier[] = [carrier('ipip', true)]
      let carriers: Carriers = new Map([[PAIR, theirs]])
      const config = {...configOf(SKETCH, 'a'), paths: {...configOf(SKETCH, 'a').paths, state}}
      const prober = startProber({
        ...{signal: stopping.signal, nowMs: () => performance.now(), onError: () => undefined},
        times: {small: {periodMs: 250, timeoutMs: 200}, full: {periodMs: 5000, timeoutMs: 2000}},
      })
      const last = () => {
        const plan = planOf('a', carriers.get(PAIR)!, theirs)
        return {planned: {desired: plan, trials: plan.trials, carriers}, dirty: false} as never
      }
      const keeping: CarrierKeeping = await createCarriers({
        ...{config, keys: () => new Map(), isUp: () => true, last, readings: prober.readings},
        ...{
          nowMs: () => performance.now(),
          wallMs: Date.now,
          trigger: () => undefined,
          onError: (error: unknown) => assert.fail(String(error)),
        },
      })
      /** Here as the daemon does it; there the like, a moment later. */
      const look = async (): Promise<PlainForm> => {
        const told = new Map([['a/a1/wan', [...planOf('b', theirs, carriers.get(PAIR)!).offers.values()].flat()]])
        carriers = await keeping.next(new Map([['b' as SiteName, viewOf(SKETCH, 'b', told as never)]]))
        const [own] = carriers.get(PAIR)!
        const plan = planOf('a', [own!], theirs)
        await put(plan)
        prober.follow([...plan.tunnels, ...plan.trials].map((one) => ({...one, mtu: 1472})))
        if (theirs[0]!.encapsulation !== own!.encapsulation) {
          theirs = [{...own!, both: true}]
          changeFar(planOf('b', theirs, [own!]))
        }
        return own!.encapsulation as PlainForm
      }
      const until = async (form: PlainForm): Promise<void> => {
        await eventually(async () => (await look()) === form, 60_000)
      }
      await look()
      changeFar(planOf('b', theirs, theirs))
      shell(`ping -q -c 2 -i 0.05 -W 5 ${MAIN}`)
      far.run('nft add rule inet path path meta l4proto 4 drop')
      await until('fou')
      shell(`ping -q -c 3 -i 0.05 -W 5 ${MAIN}`)
      assert.throws(() => shell(`ping -q -c 2 -i 0.05 -W 1 ${TRIAL}`))
      far.run('nft flush chain inet path path')
      for (let time = 0; time < 2; time++) assert.equal(await look(), 'fou', 'it does not go back at once')
    })
  })
})
