import assert from 'node:assert/strict'
import {existsSync, statSync} from 'node:fs'
import path from 'node:path'
import {type Appliance, type Bench, createBench} from './appliance-vm.ts'
import {IMAGE, UPGRADE} from './built-image.ts'
import {renamedUpgrade} from './renamed-upgrade.ts'

/**
 * A built image (`npm run image`) booted as a machine: what it is, what it refuses, and that whatever happens to an upgrade
 * leaves a slot that boots. Under emulation a boot takes one to three minutes. CUTS is how often the power goes in the
 * middle of an upgrade.
 */
const CUTS = Number(process.env.CUTS ?? 3)
const BOOT_S = 600

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
  after(() => bench.close())

  const ask = (command: string): string => gateway.ask(command)
  const refused = (command: string, why: RegExp): void => {
    const {status, output} = gateway.ssh(command)
    assert.notEqual(status, 0)
    assert.match(output, why)
  }
  it('is small, and boots by BIOS from slot a', () => {
    assert.ok(statSync(IMAGE).size < 450 * 1024 * 1024, `${statSync(IMAGE).size} bytes`)
    assert.match(ask('isthmus-slot status'), /^a 0\.\S+ running default$/m)
    assert.match(ask('isthmus-slot status'), /^b empty$/m)
  })

  it('does not write its root, and keeps /etc and /var', () => {
    refused('touch /usr/x', /Read-only file system/)
    assert.equal(ask('findmnt -no FSTYPE /'), 'squashfs')
    assert.equal(ask('findmnt -no FSTYPE /etc'), 'overlay')
    assert.equal(ask('findmnt -no FSTYPE /var'), 'ext4')
    ask('systemctl start isthmus-grow-var')
    assert.ok(Number(ask('df --output=size -B1M /var | tail -1')) > 4000, '/var has grown with the disk')
  })

  it('has no password, takes keys only, and was set up by cloud-init', () => {
    assert.equal(ask('hostname'), 'gw-a')
    assert.match(ask('sshd -T'), /passwordauthentication no[\s\S]*/)
    assert.equal(ask("awk -F: '$2 !~ /^[!*]/' /etc/shadow"), '')
  })

  it('is closed before the network is up, and says what it wants', () => {
    assert.match(ask('systemctl is-active isthmus-base'), /^active$/)
    assert.match(ask('systemctl --failed --plain --no-legend | grep -v "isthmus.service" || true'), /^$/)
    assert.match(ask('journalctl -b -u isthmus --no-pager'), /gateway\.yaml/)
  })

  it('tells how long it took', () => {
    ask('systemctl is-system-running --wait || true')
    const analysed = ask('systemd-analyze')
    process.stdout.write(`${analysed}\n${ask('systemd-analyze blame | head -12')}\n`)
    assert.match(analysed, /Startup finished/)
  })

  it('refuses what is no upgrade, is cut off, or is damaged, and boots what it had', () => {
    ask('echo nothing > /var/tmp/no; true')
    refused('isthmus-slot install /var/tmp/no', /no upgrade of an appliance/)
    ask('head -c 60000000 /dev/vdc > /var/tmp/cut')
    refused('isthmus-slot install /var/tmp/cut', /cut off|not what was written/)
    ask('cp /dev/vdc /var/tmp/bad && printf x | dd of=/var/tmp/bad bs=1 seek=150000000 conv=notrunc status=none')
    refused('isthmus-slot install /var/tmp/bad', /not what was written/)
    ask('rm /var/tmp/cut /var/tmp/bad')
    assert.match(ask('isthmus-slot status'), /^a \S+ running default$/m)
  })

  for (const cut of Array.from({length: CUTS}, (_, index) => index)) {
    it(`the power goes in the middle of an upgrade, ${cut + 1} of ${CUTS}`, async () => {
      const seconds = (20 * (cut + Math.random())) / CUTS
      ask('nohup isthmus-slot install /dev/vdc > /dev/null 2>&1 &')
      await new Promise((go) => setTimeout(go, seconds * 1000))
      await gateway.cut()
      gateway.power()
      await gateway.answers(BOOT_S)
      // The whole upgrade may have been there by then.
      assert.match(ask('isthmus-slot status'), /running/)
      assert.match(ask('cat /usr/lib/isthmus/image-version'), /./)
    })
  }

  it('boots the other slot after an upgrade, and keeps it once it is healthy', async () => {
    ask('isthmus-slot rollback 2>/dev/null || true')
    ask('isthmus-slot install /dev/vdc')
    assert.match(ask('isthmus-slot status'), /on-trial:3/)
    gateway.ssh('systemctl reboot')
    await gateway.says(/slot b is healthy, and boots from now on/, BOOT_S)
    await gateway.answers(BOOT_S)
    assert.match(ask('isthmus-slot status'), /^b 0\.2\.0 running default$/m)
  })

  it('goes back from one that is not healthy', async () => {
    ask('isthmus-slot install /dev/vdc')
    ask(
      'mkdir -p /etc/systemd/system/isthmus-slot.service.d && printf "[Service]\\nEnvironment=ISTHMUS_TRIAL_SECONDS=5\\n" > /etc/systemd/system/isthmus-slot.service.d/trial.conf',
    )
    ask('echo "f /run/isthmus-slot-sick" > /etc/tmpfiles.d/sick.conf; sync')
    gateway.ssh('systemctl reboot')
    await gateway.says(/slot a is not healthy: told to be sick; going back to slot b/, BOOT_S)
    await gateway.says(/slot a failed its trial; this is slot b again/, BOOT_S)
    await gateway.answers(BOOT_S)
    assert.match(ask('isthmus-slot status'), /^b 0\.2\.0 running default$/m)
    gateway.forget()
  })

  const broken: {name: string; act: string; says: RegExp}[] = [
    {
      name: 'initramfs',
      act: 'mount /boot/slots; echo broken > /boot/slots/slots/a/initrd.img; umount /boot/slots',
      says: /Kernel panic/,
    },
    {
      name: 'root',
      act: 'dd if=/dev/zero of=/dev/disk/by-partlabel/slot-a bs=1M count=1 conv=fsync status=none',
      says: /isthmus: slot-a cannot be mounted/,
    },
  ]
  for (const {name, act, says} of broken) {
    it(`goes back by itself when a slot does not come up at all: its ${name} is damaged`, async () => {
      ask('rm -f /etc/tmpfiles.d/sick.conf')
      ask('isthmus-slot install /dev/vdc')
      ask(act)
      gateway.ssh('systemctl reboot')
      await gateway.says(says, BOOT_S)
      await gateway.says(/slot a failed its trial; this is slot b again/, 2 * BOOT_S)
      await gateway.answers(BOOT_S)
      // Another round must not find what this one said.
      gateway.forget()
    })
  }
})
