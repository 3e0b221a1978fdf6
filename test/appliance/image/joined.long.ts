import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {type Appliance, type Bench, createBench} from './appliance-vm.ts'
import {IMAGE, UPGRADE} from './built-image.ts'
import {
  lanDevice,
  makePod,
  makeUserData,
  movePod,
  type Name,
  networkConfig,
  podAddress,
  podNamespace,
  removePod,
} from './joined-sites.ts'
import {renamedUpgrade} from './renamed-upgrade.ts'

/**
 * Two appliances, from cloud-init to joined sites, each with an etcd of its own: a pod behind one reaches a pod behind the other
 * through the tunnel. Then boots and an upgrade of one, with the time until it forwards and the datagrams that are lost.
 */
/** Beside other work an emulated processor is many times slower; what is reported is what was measured. */
const BOOT_S = 900
const PINGS_PER_SECOND = 5
const WIRES = {a: {own: 2241, other: 2242}, b: {own: 2242, other: 2241}}

const say = (line: string): boolean => process.stdout.write(`${line}\n`)

describe('two appliances', function () {
  this.timeout(3_600_000)
  let bench: Bench
  let gateways: Record<Name, Appliance>
  let pings: Pings

  before(async () => {
    assert.ok(existsSync(IMAGE), 'npm run image makes it')
    bench = await createBench(IMAGE)
    const userData = makeUserData(path.join(bench.folder, 'sites'))
    const attached = renamedUpgrade(UPGRADE, path.join(bench.folder, 'renamed'), '0.2.0')
    const make = (name: Name, sshPort: number): Appliance => {
      makePod(name)
      const wire = WIRES[name]
      const rest = {userData: userData[name], networkConfig: networkConfig(name), lan: lanDevice(name), attached}
      return bench.appliance({name: `gw-${name}`, sshPort, wire, ...rest})
    }
    gateways = {a: make('a', 2231), b: make('b', 2232)}
    for (const name of ['a', 'b'] as const) await powerOn(name)
    pings = startPings()
  })
  after(async () => {
    pings?.stop()
    await bench?.close()
    for (const name of ['a', 'b'] as const) removePod(name)
  })

  async function powerOn(name: Name): Promise<void> {
    gateways[name].power()
    // QEMU opens the device by its name; from then on it may be anywhere.
    await new Promise((go) => setTimeout(go, 2000))
    movePod(name)
  }

  /** From the kernel's start of gateway a until a pod's answer has come through it, and what that took since `cpuBefore`. */
  const report = async (what: string, answeredMs: number, cpuBefore: number): Promise<number> => {
    const cpu = gateways.a.cpuSeconds() - cpuBefore
    await gateways.a.answers(BOOT_S)
    const seconds = (answeredMs - gateways.a.startedAtMs()) / 1000
    const load = readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 2).join(' and ')
    say(
      `      ${what}: forwards ${seconds.toFixed(1)} s after its kernel's start; QEMU has taken ${cpu.toFixed(0)} s of processor; load ${load}`,
    )
    return seconds
  }

  const analysed = async (): Promise<void> => {
    const finished = (): boolean => gateways.a.ssh('systemd-analyze').status === 0
    for (let tries = 0; tries < 60 && !finished(); tries++) await new Promise((go) => setTimeout(go, 5000))
    say(
      gateways.a.ask(
        'systemd-analyze; systemd-analyze blame | head -16; journalctl -b -u isthmus -u bird -o short-monotonic --no-pager | tail -25',
      ),
    )
  }

  it('join, from cloud-init to a pod behind the other one', async () => {
    const answered = await pings.answered(2 * BOOT_S)
    await report('first boot of both', answered, 0)
    assert.match(gateways.a.ask('ip -d link'), /ipip/)
    await analysed()
  })

  it('boots again, without cloud-init before it', async () => {
    gateways.a.ask('sync')
    const cpu = gateways.a.cpuSeconds()
    gateways.a.ssh('systemctl reboot')
    const lost = await pings.gap(BOOT_S)
    await report('second boot', lost.endMs, cpu)
    say(`      a reboot: nothing for ${lost.seconds.toFixed(1)} s`)
    await analysed()
    assert.equal(gateways.a.ask('systemctl show -P LoadState cloud-init-local'), 'masked')
  })

  it('is upgraded: nothing is lost while it is installed, and a boot when it is booted', async () => {
    const before = pings.lostSince()
    gateways.a.ask('isthmus-slot install /dev/vdc')
    const installing = pings.lostSince() - before
    say(`      lost while it was installed: ${installing} of ${PINGS_PER_SECOND} a second`)
    assert.ok(installing <= 5, `${installing} lost`)
    const cpu = gateways.a.cpuSeconds()
    gateways.a.ssh('systemctl reboot')
    const lost = await pings.gap(BOOT_S)
    await report('the upgraded slot', lost.endMs, cpu)
    say(`      an upgrade: nothing for ${lost.seconds.toFixed(1)} s`)
    await gateways.a.says(/slot b is healthy, and boots from now on/, BOOT_S)
    assert.match(gateways.a.ask('isthmus-slot status'), /^b 0\.2\.0 running default$/m)
  })

  it('forwards as before after a boot with a gateway.yaml that is refused, and says so', async () => {
    gateways.a.ask("sed -i 's/^owns:/ownz:/' /etc/isthmus/gateway.yaml; sync")
    gateways.a.ssh('systemctl reboot')
    await pings.gap(BOOT_S)
    await gateways.a.says(/isthmus: \/etc\/isthmus\/gateway\.yaml is refused:[\s\S]*ownz/, BOOT_S)
    await gateways.a.says(/the configuration before is in force again; what was refused is \S+\.refused/, BOOT_S)
    await gateways.a.answers(BOOT_S)
    assert.match(gateways.a.ask('cat /etc/isthmus/gateway.yaml'), /^owns:/m)
  })

  it('forwards while /var is full, says so, and recovers with the space', async () => {
    const before = pings.lostSince()
    gateways.a.ask(
      'dd if=/dev/zero of=/var/full bs=1M 2>/dev/null; dd if=/dev/zero of=/var/full bs=1k oflag=append conv=notrunc 2>/dev/null; sync; true',
    )
    assert.equal(gateways.a.ask('df --output=avail -B1K /var | tail -1'), '0')
    gateways.a.ask('systemctl restart systemd-journald isthmus bird; systemctl kill -s KILL etcd; sleep 20')
    // Many problems are told with a full disk; the disk is among them.
    assert.match(gateways.a.ssh('isthmus diagnose').output, /disk-nearly-full/)
    assert.match(gateways.a.ssh('isthmus status').output, /a1/)
    const full = pings.lostSince() - before
    gateways.a.ask('rm /var/full; sync')
    const isReady = (): boolean => gateways.a.ssh(`isthmus status -o json | grep -q '"ready": *true'`).status === 0
    for (let tries = 0; tries < 60 && !isReady(); tries++) await new Promise((go) => setTimeout(go, 3000))
    assert.ok(isReady(), gateways.a.ssh('isthmus status; systemctl status etcd').output)
    assert.equal(gateways.a.ask('systemctl is-active etcd bird isthmus'), 'active\nactive\nactive')
    say(`      lost with a full /var and all of it restarted: ${full} of ${PINGS_PER_SECOND} a second`)
    assert.ok(full <= 5 * PINGS_PER_SECOND, `${full} lost`)
  })
})

interface Pings {
  /** When the first answer came. */
  readonly answered: (seconds: number) => Promise<number>
  /** The next time without answers, of five seconds and more, once it is over. */
  readonly gap: (seconds: number) => Promise<{readonly seconds: number; readonly endMs: number}>
  /** How many have had no answer so far. */
  readonly lostSince: () => number
  readonly stop: () => void
}

const GAP_MS = 5000

/** From the pod behind b to the pod behind a. */
function startPings(): Pings {
  const words = [
    'netns',
    'exec',
    podNamespace('b'),
    'ping',
    '-n',
    '-O',
    '-D',
    '-i',
    `${1 / PINGS_PER_SECOND}`,
    podAddress('a'),
  ]
  const child: ChildProcess = spawn('ip', words, {stdio: ['ignore', 'pipe', 'inherit']})
  const times: number[] = []
  let lost = 0
  let rest = ''
  child.stdout!.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const at = /^\[([\d.]+)\].*bytes from/.exec(line)
      if (at) times.push(Number(at[1]) * 1000)
      else if (line.includes('no answer yet')) lost++
    }
  })
  const until = async (seconds: number, what: string, done: () => boolean): Promise<void> => {
    const end = Date.now() + seconds * 1000
    while (!done()) {
      assert.ok(Date.now() < end, `${what}: not within ${seconds} s`)
      await new Promise((go) => setTimeout(go, 200))
    }
  }
  return {
    answered: async (seconds) => {
      await until(seconds, 'an answer', () => times.length > 0)
      return times[0]!
    },
    gap: async (seconds) => {
      await until(seconds, 'a gap', () => Date.now() - times.at(-1)! > GAP_MS)
      const before = times.at(-1)!
      const count = times.length
      await until(seconds, 'an answer again', () => times.length > count)
      return {seconds: (times[count]! - before) / 1000, endMs: times[count]!}
    },
    lostSince: () => lost,
    stop: () => {
      child.kill()
    },
  }
}
