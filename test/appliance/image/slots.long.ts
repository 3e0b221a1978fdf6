import assert from 'node:assert/strict'
import {existsSync, statSync} from 'node:fs'
import path from 'node:path'
import {type Appliance, type Bench, createBench} from './appliance-vm.ts'
import {IMAGE, UPGRADE} from './built-image.ts'
import {renamedUpgrade} from './renamed-upgrade.ts'

/**
 * A built image (`npm run image`) booted as a machine: what it is, what it refuses, and that whatever happens to an upgrade
 * leaves a slot that boots. Under emulation a boot takes one to three minutes. Each test stands alone (`--grep`), so that a
 * long run has parts.
 */
const BOOT_S = 900

type Slot = 'a' | 'b'
const OTHER = {a: 'b', b: 'a'} as const

describe('an appliance', function () {
  this.timeout(3_600_000)
  let bench: Bench
  let gateway: Appliance

  before(async () => {
    assert.ok(existsSync(IMAGE), 'npm run image makes it')
    bench = await createBench(IMAGE)
    const attached = renamedUpgrade(UPGRADE, path.join(bench.folder, 'renamed'), '0.2.0')
    gateway = bench.appliance({name: 'gw-a', sshPort: 2221, attached})
    gateway.power()
    await gateway.answers(BOOT_S)
  })
  beforeEach(() => gateway.answers(BOOT_S))
  after(() => bench.close())

  const ask = (command: string): Promise<string> => gateway.ask(command)
  const refused = async (command: string, why: RegExp): Promise<void> => {
    const {status, output} = await gateway.ssh(command)
    assert.notEqual(status, 0)
    assert.match(output, why)
  }
  const running = async (): Promise<Slot> => {
    const [, slot] = /^([ab]) .*running/m.exec(await ask('isthmus-slot status')) ?? []
    assert.ok(slot === 'a' || slot === 'b', 'a slot runs')
    return slot
  }
  /** The upgrade lies in the other slot, on trial; which one that is. */
  const install = async (): Promise<Slot> => {
    const other = OTHER[await running()]
    await ask('isthmus-slot install /dev/vdc')
    assert.match(await ask('isthmus-slot status'), new RegExp(`^${other} 0\\.2\\.0 on-trial:3$`, 'm'))
    return other
  }
  const reboot = async (): Promise<void> => {
    // What an earlier boot said is not this one's.
    gateway.forget()
    await gateway.ssh('systemctl reboot')
  }

  it('is small, and boots by BIOS from slot a', async () => {
    assert.ok(statSync(IMAGE).size < 450 * 1024 * 1024, `${statSync(IMAGE).size} bytes`)
    assert.match(await ask('isthmus-slot status'), /^a 0\.\S+ running default$[\s\S]*^b empty$/m)
  })

  it('does not write its root, and keeps /etc and /var', async () => {
    await refused('touch /usr/x', /Read-only file system/)
    assert.equal(await ask('findmnt -no FSTYPE /'), 'squashfs')
    assert.equal(await ask('findmnt -no FSTYPE /etc'), 'overlay')
    assert.equal(await ask('findmnt -no FSTYPE /var'), 'ext4')
    await ask('systemctl start isthmus-grow-var')
    assert.ok(Number(await ask('df --output=size -B1M /var | tail -1')) > 4000, '/var has grown with the disk')
  })

  it('has no password, takes keys only, and was set up by cloud-init', async () => {
    assert.equal(await ask('hostname'), 'gw-a')
    assert.match(await ask('sshd -T'), /passwordauthentication no[\s\S]*/)
    assert.equal(await ask("awk -F: '$2 !~ /^[!*]/' /etc/shadow"), '')
  })

  it('is closed before the network is up, and says what it wants', async () => {
    assert.match(await ask('systemctl is-active isthmus-base'), /^active$/)
    assert.match(await ask('systemctl --failed --plain --no-legend | grep -v "isthmus.service" || true'), /^$/)
    assert.match(await ask('journalctl -b -u isthmus --no-pager'), /gateway\.yaml/)
  })

  it('tells how long it took', async () => {
    await ask('systemctl is-system-running --wait || true')
    const analysed = await ask('systemd-analyze')
    process.stdout.write(`${analysed}\n${await ask('systemd-analyze blame | head -12')}\n`)
    assert.match(analysed, /Startup finished/)
  })

  it('refuses what is no upgrade, is cut off, or is damaged, and boots what it had', async () => {
    await ask('echo nothing > /var/tmp/no; true')
    await refused('isthmus-slot install /var/tmp/no', /no upgrade of an appliance/)
    await ask('head -c 60000000 /dev/vdc > /var/tmp/cut')
    await refused('isthmus-slot install /var/tmp/cut', /cut off|not what was written/)
    await ask('cp /dev/vdc /var/tmp/bad && printf x | dd of=/var/tmp/bad bs=1 seek=150000000 conv=notrunc status=none')
    await refused('isthmus-slot install /var/tmp/bad', /not what was written/)
    await ask('rm /var/tmp/cut /var/tmp/bad')
    assert.match(await ask('isthmus-slot status'), /^a \S+ running default$/m)
  })

  it('boots the other slot after an upgrade, and keeps it once it is healthy', async () => {
    const slot = await install()
    await reboot()
    await gateway.says(new RegExp(`slot ${slot} is healthy, and boots from now on`), BOOT_S)
    await gateway.answers(BOOT_S)
    assert.match(await ask('isthmus-slot status'), new RegExp(`^${slot} 0\\.2\\.0 running default$`, 'm'))
  })

  it('is asked and told nothing twice at once', async () => {
    await refused('flock /run/isthmus-slot.lock isthmus-slot rollback', /another isthmus-slot install or rollback/)
    await ask('for i in 1 2 3 4 5 6; do isthmus-slot status & done; wait; isthmus-slot status')
    assert.equal(await ask('findmnt -no TARGET /boot/slots || true'), '', 'no mount is left')
  })

  it('goes back from one that is not healthy', async () => {
    const before = await running()
    const slot = await install()
    await ask(
      'mkdir -p /etc/systemd/system/isthmus-slot.service.d && printf "[Service]\\nEnvironment=ISTHMUS_TRIAL_SECONDS=90\\n" > /etc/systemd/system/isthmus-slot.service.d/trial.conf',
    )
    await ask('echo "f /run/isthmus-slot-sick" > /etc/tmpfiles.d/sick.conf; sync')
    await reboot()
    await gateway.answers(BOOT_S)
    await refused('isthmus-slot install /dev/vdc', new RegExp(`slot ${slot} is on trial`))
    await gateway.says(new RegExp(`slot ${slot} is not healthy: told to be sick; going back to slot ${before}`), BOOT_S)
    await cameBack(slot)
    await ask('rm /etc/tmpfiles.d/sick.conf /etc/systemd/system/isthmus-slot.service.d/trial.conf; sync')
  })

  const broken: {name: string; act: (slot: Slot) => string; says: (slot: Slot) => RegExp}[] = [
    {
      name: 'initramfs',
      act: (slot) => `mount /boot/slots; echo broken > /boot/slots/slots/${slot}/initrd.img; umount /boot/slots`,
      says: () => /Kernel panic/,
    },
    {
      name: 'root',
      act: (slot) => `dd if=/dev/zero of=/dev/disk/by-partlabel/slot-${slot} bs=1M count=1 conv=fsync status=none`,
      says: (slot) => new RegExp(`isthmus: slot-${slot} cannot be mounted`),
    },
  ]
  for (const {name, act, says} of broken) {
    it(`goes back by itself when a slot does not come up at all: its ${name} is damaged`, async () => {
      const slot = await install()
      await ask(act(slot))
      await reboot()
      await gateway.says(says(slot), BOOT_S)
      await cameBack(slot)
    })
  }

  it('is reset by its watchdog when nothing in it gets a processor any more', async () => {
    assert.match(await ask('wdctl --noheadings --oneline'), /i6300/)
    const before = await ask('cat /proc/sys/kernel/random/boot_id')
    const spins = 'for cpu in 0 1; do setsid taskset -c $cpu chrt -f 99 sh -c "while :; do :; done" & done'
    await gateway.ssh(`echo -1 > /proc/sys/kernel/sched_rt_runtime_us; (sleep 2; ${spins}) > /dev/null 2>&1 &`)
    const end = Date.now() + BOOT_S * 1000
    const bootId = async (): Promise<string> => (await gateway.ssh('cat /proc/sys/kernel/random/boot_id')).output.trim()
    for (let now = before; now === before || now === ''; now = await bootId()) assert.ok(Date.now() < end, 'not reset')
  })

  async function cameBack(failed: Slot): Promise<void> {
    const slot = OTHER[failed]
    await gateway.says(new RegExp(`slot ${failed} failed its trial; this is slot ${slot} again`), 2 * BOOT_S)
    await gateway.answers(BOOT_S)
    const status = await ask('isthmus-slot status')
    assert.match(status, new RegExp(`^${slot} \\S+ running default$`, 'm'))
    assert.match(status, new RegExp(`^${failed} 0\\.2\\.0 failed-its-trial$`, 'm'))
  }
})
