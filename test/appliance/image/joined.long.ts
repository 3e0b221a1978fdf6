import assert from 'node:assert/strict'
import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
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
  returnPod,
} from './joined-sites.ts'
import {type Pings, startPings} from './pings.ts'
import {renamedUpgrade} from './renamed-upgrade.ts'

/**
 * Two appliances, from cloud-init to joined sites, each with an etcd of its own: a pod behind one reaches a pod behind the other
 * through the tunnel. Then boots and an upgrade of one, with the time until it forwards and the datagrams that are lost. CUTS is
 * how often the power goes in the middle of an upgrade, at moments that SEED chooses.
 */
const CUTS = Number(process.env.CUTS ?? 3)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
/** Beside other work an emulated processor is many times slower; what is reported is what was measured. */
const BOOT_S = 900
const PINGS_PER_SECOND = 5
/** What `docs/operate/appliance.md` says of an upgrade. */
const LOST_WHILE_INSTALLED = 5
const UPGRADE_CPU_S = 180
/** Boots that a new slot has, of grub.cfg. */
const TRIES = 3
const WIRES = {a: {own: 2241, other: 2242}, b: {own: 2242, other: 2241}}

const OTHER = {a: 'b', b: 'a'} as const
/** Fails unless the slot holds what its manifest says; squashfs says its size, and is padded to pages. */
const isWhole = (slot: string): string => `unshare --mount sh -ec '
mount /boot/slots; cd /boot/slots/slots/${slot}; grep -v " root" manifest | sha256sum --status -c -
device=/dev/disk/by-partlabel/slot-${slot}; size=$((($(od -An -t u8 -j 40 -N 8 $device) + 4095) / 4096 * 4096))
test "$(head -c $size $device | sha256sum | cut -d " " -f 1)" = "$(sed -n "s/ .*root.*//p" manifest)"'`
const CUT_OFF = /an upgrade was cut off: slot [ab] holds [^\n]*; install the upgrade again/

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
    // One after the other: what a boot takes is told of a, and two at once would share this machine's processors.
    await powerOn('b')
    await gateways.b.says(/cloud-init[^\n]* finished at/, BOOT_S)
    await powerOn('a')
    pings = startPings(podNamespace('b'), podAddress('a'), PINGS_PER_SECOND)
  })
  // Each test stands alone (`--grep`), so that a long run has parts.
  beforeEach(async () => {
    await pings.answered(2 * BOOT_S)
    await gateways.a.answers(BOOT_S)
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
    const seconds = (answeredMs - (await gateways.a.startedAtMs())) / 1000
    const load = readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 2).join(' and ')
    say(
      `      ${what}: forwards ${seconds.toFixed(1)} s after its kernel's start; QEMU has taken ${cpu.toFixed(0)} s of processor; load ${load}`,
    )
    return seconds
  }

  const analysed = async (): Promise<void> => {
    const finished = async (): Promise<boolean> => (await gateways.a.ssh('systemd-analyze')).status === 0
    for (let tries = 0; tries < 60 && !(await finished()); tries++) await new Promise((go) => setTimeout(go, 5000))
    say(
      await gateways.a.ask(
        'systemd-analyze; systemd-analyze blame | head -16; journalctl -b -u isthmus -u bird -o short-monotonic --no-pager | tail -25',
      ),
    )
  }

  /** Booted by `systemctl reboot`: says how long nothing came through, and gives the time of the processor that it took. */
  const reboot = async (what: string): Promise<number> => {
    const from = pings.now()
    const cpu = gateways.a.cpuSeconds()
    gateways.a.forget()
    await gateways.a.ssh('systemctl reboot')
    const gap = await pings.gap(from, BOOT_S)
    const taken = gateways.a.cpuSeconds() - cpu
    await report(what, gap.endMs, cpu)
    say(`      ${what}: nothing for ${gap.seconds.toFixed(1)} s`)
    return taken
  }
  const powerAgain = async (): Promise<void> => {
    await gateways.a.cut()
    returnPod('a')
    await powerOn('a')
  }
  const status = (): Promise<string> => gateways.a.ask('isthmus-slot status')
  const running = async (): Promise<Name> => (/^([ab]) .*running/m.exec(await status())?.[1] === 'a' ? 'a' : 'b')
  const wentBack = async (slot: Name): Promise<void> => {
    const before = OTHER[slot]
    await gateways.a.says(new RegExp(`slot ${slot} failed its trial; this is slot ${before} again`), BOOT_S)
    await gateways.a.answers(BOOT_S)
    const found = await status()
    assert.match(found, new RegExp(`^${slot} 0\\.2\\.0 failed-its-trial$`, 'm'))
    assert.match(found, new RegExp(`^${before} \\S+ running default$`, 'm'))
  }

  it('join, from cloud-init to a pod behind the other one', async () => {
    const answered = await pings.answered(2 * BOOT_S)
    await report('first boot', answered, 0)
    assert.match(await gateways.a.ask('ip -d link'), /ipip/)
    // As the daemon's user, who is not root.
    const flows = await gateways.a.ask('sysctl -n net.netfilter.nf_conntrack_max net.ipv4.neigh.default.gc_thresh3')
    const [most, neighbours] = flows.split('\n').map(Number)
    assert.ok(most! > 200_000 && neighbours! >= 8192, flows)
    await analysed()
  })

  it('boots again, without cloud-init before it', async () => {
    await gateways.a.ask('sync')
    await reboot('second boot')
    await analysed()
    assert.equal(await gateways.a.ask('systemctl show -P LoadState cloud-init-local'), 'masked')
  })

  it('is upgraded: nothing is lost while it is installed, and a boot when it is booted', async () => {
    const before = pings.now()
    await gateways.a.ask('isthmus-slot install /dev/vdc')
    const after = pings.now()
    const installing = await pings.lost(before, after)
    say(`      lost while it was installed: ${installing} of ${after - before}`)
    assert.ok(after > before)
    assert.ok(installing <= LOST_WHILE_INSTALLED, `${installing} lost`)
    const taken = await reboot('the upgraded slot')
    assert.ok(taken <= UPGRADE_CPU_S, `${taken} s of processor until it forwarded`)
    await gateways.a.says(/slot b is healthy, and boots from now on/, BOOT_S)
    assert.match(await status(), /^b 0\.2\.0 running default$/m)
  })

  /** How long an upgrade takes that nothing cuts off. */
  let installMs = 0
  for (const [cut, part] of momentsOf(CUTS, SEED).entries()) {
    const moment = `${cut + 1} of ${CUTS}, SEED=${SEED}, after ${(100 * part).toFixed(0)} % of it`
    it(`loses its power in the middle of an upgrade (${moment}): says so, and forwards as before`, async () => {
      const {a} = gateways
      if (!installMs) {
        const began = Date.now()
        await a.ask('isthmus-slot install /dev/vdc')
        installMs = Date.now() - began
      }
      const before = await running()
      const other = OTHER[before]
      const [, held] = new RegExp(`^${other} (\\S+)`, 'm').exec(await status())!
      const from = pings.now()
      // An install that has ended by then took less than the last one: its moment is looked for in another.
      for (let tries = 0; tries < 4; tries++) {
        const began = Date.now()
        const ends = a.ssh('isthmus-slot install /dev/vdc').then(() => Date.now() - began)
        const tookMs = await Promise.race([ends, new Promise<null>((go) => setTimeout(go, part * installMs, null))])
        if (tookMs === null) break
        installMs = tookMs
      }
      await powerAgain()
      const gap = await pings.gap(from, BOOT_S)
      // Either the upgrade was whole, and is tried, or what ran before boots; what is not whole is no slot, and the console
      // says so. While it was only looked at, the other slot is what it was.
      await a.answers(BOOT_S)
      const now = await running()
      if (now === other) await a.says(new RegExp(`slot ${other} is healthy, and boots from now on`), BOOT_S)
      const found = await status()
      if (now === other) assert.match(found, new RegExp(`^${other} 0\\.2\\.0 running default$`, 'm'))
      else {
        assert.doesNotMatch(found, /on-trial/)
        const [, left] = new RegExp(`^${other} (\\S+)`, 'm').exec(found)!
        assert.match(left!, new RegExp(`^(?:empty|0\\.2\\.0|${held})$`))
        if (left === 'empty' || left !== held) await a.says(CUT_OFF, BOOT_S)
        // The power may have gone when all was written and not yet to be tried.
        if (left === '0.2.0') await a.ask(isWhole(other))
      }
      const said = CUT_OFF.exec(a.console())?.[0] ?? 'nothing'
      const [at, all] = [part * installMs, installMs].map((ms) => (ms / 1000).toFixed(1))
      say(
        `      cut after ${at} of ${all} s: nothing for ${gap.seconds.toFixed(1)} s; it said: ${said}; ${found.replace('\n', '; ')}`,
      )
    })
  }

  it('loses its power at each boot of the new slot: goes back by itself, says so, and forwards as before', async () => {
    const before = await running()
    const slot = OTHER[before]
    await gateways.a.ask('isthmus-slot install /dev/vdc')
    assert.match(await status(), new RegExp(`^${slot} 0\\.2\\.0 on-trial:3$`, 'm'))
    const from = pings.now()
    gateways.a.forget()
    await gateways.a.ssh('systemctl reboot')
    for (let cut = 1; cut <= TRIES; cut++) {
      await gateways.a.says(new RegExp(`Booting \`Isthmus, slot ${slot}'`), BOOT_S)
      await new Promise((go) => setTimeout(go, 5000 * cut))
      assert.doesNotMatch(gateways.a.console(), /is healthy/)
      await powerAgain()
    }
    const gap = await pings.gap(from, BOOT_S)
    say(`      ${TRIES} power cuts while it booted the new slot: nothing for ${gap.seconds.toFixed(1)} s`)
    await wentBack(slot)
  })

  it('goes back from a version that refuses its gateway.yaml, which stays for the other one to judge', async () => {
    const slot = OTHER[await running()]
    await gateways.a.ask('isthmus-slot install /dev/vdc')
    // As another version would: in this slot alone it is not taken.
    const isHere = `grep -q isthmus.slot=${slot} /proc/cmdline`
    const node = '/usr/lib/isthmus/node /usr/lib/isthmus/isthmusd.mjs run --config /etc/isthmus/gateway.yaml'
    const files = {
      '/etc/systemd/system/isthmus.service.d/90-refuses.conf': `[Service]\nExecStart=\nExecStart=/bin/sh -c '${isHere} && exit 78; exec ${node}'\n`,
      '/etc/systemd/system/isthmus-refused.service.d/90-refuses.conf':
        '[Service]\nEnvironment=PATH=/etc/refuses:/usr/sbin:/usr/bin\n',
      '/etc/refuses/isthmus': `#!/bin/sh\n[ "$1" = check ] || exec /usr/bin/isthmus "$@"\n! ${isHere} || { echo 'owns: not known to this version'; exit 1; }\n`,
    }
    for (const [file, text] of Object.entries(files)) {
      const bytes = Buffer.from(text).toString('base64')
      await gateways.a.ask(`mkdir -p ${path.dirname(file)}; echo ${bytes} | base64 -d > ${file}; chmod 755 ${file}`)
    }
    const configuration = await gateways.a.ask('sync; cat /etc/isthmus/gateway.yaml')
    const from = pings.now()
    gateways.a.forget()
    await gateways.a.ssh('systemctl reboot')
    await gateways.a.says(/gateway\.yaml is refused:[\s\S]*not known to this version/, BOOT_S)
    await gateways.a.says(/this slot is on trial: \S+ stays as it is/, BOOT_S)
    await gateways.a.says(new RegExp(`slot ${slot} is not healthy: this version refuses gateway\\.yaml`), BOOT_S)
    await wentBack(slot)
    say(
      `      a version that refuses gateway.yaml: nothing for ${(await pings.gap(from, BOOT_S)).seconds.toFixed(1)} s`,
    )
    assert.equal(await gateways.a.ask('cat /etc/isthmus/gateway.yaml'), configuration)
    assert.equal((await gateways.a.ssh('test -e /etc/isthmus/gateway.yaml.refused')).status, 1)
    await gateways.a.ask(`rm -r ${Object.keys(files).join(' ')} /etc/refuses; systemctl daemon-reload; sync`)
  })

  it('forwards as before after a boot with a gateway.yaml that is refused, and says so', async () => {
    await gateways.a.ask("sed -i 's/^owns:/ownz:/' /etc/isthmus/gateway.yaml; sync")
    await reboot('a refused configuration')
    await gateways.a.says(/isthmus: \/etc\/isthmus\/gateway\.yaml is refused:[\s\S]*ownz/, BOOT_S)
    await gateways.a.says(/the configuration before is in force again; what was refused is \S+\.refused/, BOOT_S)
    assert.match(await gateways.a.ask('cat /etc/isthmus/gateway.yaml'), /^owns:/m)
  })

  it('refuses the backup of another gateway, says whose it is, and forwards as before', async () => {
    const backup = await gateways.b.ask(
      'isthmus backup -o /var/tmp/b.backup > /dev/null && base64 -w0 /var/tmp/b.backup',
    )
    const before = pings.now()
    const restored = await gateways.a.ssh(
      `echo ${backup} | base64 -d > /var/tmp/b.backup; isthmus restore /var/tmp/b.backup`,
    )
    assert.notEqual(restored.status, 0)
    assert.match(restored.output, /of gateway b1 of site b, and this machine is a1 of a: /)
    const after = pings.now()
    const lost = await pings.lost(before, after)
    say(`      lost while it was refused: ${lost} of ${after - before}`)
    assert.ok(after > before)
    assert.ok(lost <= LOST_WHILE_INSTALLED, `${lost} lost`)
  })

  it('forwards while /var is full, says so, and recovers with the space', async () => {
    const before = pings.now()
    // What root alone may take as well: all but a little at once, then to the last block.
    await gateways.a.ask(
      `fallocate -l $(($(stat -f -c '%f * %S' /var) - 8388608)) /var/full; dd if=/dev/zero of=/var/full bs=1k oflag=append conv=notrunc 2>/dev/null; sync; true`,
    )
    assert.equal(await gateways.a.ask('df --output=avail -B1K /var | tail -1'), '0')
    await gateways.a.ask('systemctl restart systemd-journald isthmus bird; systemctl kill -s KILL etcd')
    // Many problems are told with a full disk; the disk is among them.
    await eventually(async () => /disk-nearly-full/.test((await gateways.a.ssh('isthmus diagnose')).output))
    // It was started anew, with the disk full.
    await eventually(async () => /a1/.test((await gateways.a.ssh('isthmus status')).output))
    const after = pings.now()
    const full = await pings.lost(before, after)
    await gateways.a.ask('rm /var/full; sync')
    const isReady = async (): Promise<boolean> =>
      (await gateways.a.ssh(`isthmus status -o json | grep -q '"ready": *true'`)).status === 0
    await eventually(isReady)
    assert.equal(await gateways.a.ask('systemctl is-active etcd bird isthmus'), 'active\nactive\nactive')
    say(`      lost with a full /var and all of it restarted: ${full} of ${after - before}`)
    assert.ok(full <= 5 * PINGS_PER_SECOND, `${full} lost`)
  })

  /** Asked again until it holds, for as long as a boot may take. */
  async function eventually(holds: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + BOOT_S * 1000
    while (!(await holds())) {
      if (Date.now() > end)
        assert.fail((await gateways.a.ssh('isthmus status; isthmus diagnose; systemctl status etcd')).output)
      await new Promise((go) => setTimeout(go, 3000))
    }
  }
})

/** Parts of the time that an upgrade takes, by chance one in each of as many equal pieces. */
function momentsOf(count: number, seed: number): number[] {
  const parts = fc.array(fc.integer({min: 0, max: 999}), {minLength: count, maxLength: count})
  // Not of `fc.double`, most of whose numbers are next to nothing.
  const [chance] = fc.sample(fc.noBias(parts), {numRuns: 1, seed})
  return chance!.map((inPiece, piece) => (piece + inPiece / 1000) / count)
}
