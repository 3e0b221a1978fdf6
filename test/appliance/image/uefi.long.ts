import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import path from 'node:path'
import {createBench} from './appliance-vm.ts'
import {IMAGE, UPGRADE} from './built-image.ts'
import {renamedUpgrade} from './renamed-upgrade.ts'

/** The same disk where a machine's firmware is UEFI, as in most clouds, and remembers nothing of it yet. */
const BOOT_S = 900

describe('an appliance on a machine with UEFI', function () {
  this.timeout(3_600_000)

  before(() => {
    assert.ok(existsSync(IMAGE), 'npm run image makes it')
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'ovmf'], {stdio: 'ignore'})
  })

  it('boots from slot a, an upgrade from slot b, and goes back from one that does not come up', async () => {
    const bench = await createBench(IMAGE)
    try {
      const attached = renamedUpgrade(UPGRADE, path.join(bench.folder, 'renamed'), '0.2.0')
      const gateway = bench.appliance({name: 'gw-uefi', sshPort: 2251, attached, firmware: 'uefi'})
      const install = (): Promise<string> => gateway.ask('isthmus-slot install /dev/vdc')
      const reboot = async (): Promise<void> => {
        gateway.forget()
        await gateway.ssh('systemctl reboot')
      }
      gateway.power()
      await gateway.answers(BOOT_S)
      assert.equal(await gateway.ask('test -d /sys/firmware/efi && echo UEFI'), 'UEFI')
      assert.match(await gateway.ask('isthmus-slot status'), /^a 0\.\S+ running default$[\s\S]*^b empty$/m)

      await install()
      await reboot()
      await gateway.says(/slot b is healthy, and boots from now on/, BOOT_S)
      await gateway.answers(BOOT_S)
      assert.match(await gateway.ask('isthmus-slot status'), /^b 0\.2\.0 running default$/m)

      await install()
      // grub counts the boots on the disk that the firmware reads.
      await gateway.ask('mount /boot/slots; echo broken > /boot/slots/slots/a/initrd.img; umount /boot/slots')
      await reboot()
      await gateway.says(/Kernel panic/, BOOT_S)
      await gateway.says(/slot a failed its trial; this is slot b again/, BOOT_S)
      await gateway.answers(BOOT_S)
      assert.match(
        await gateway.ask('isthmus-slot status'),
        /^a 0\.2\.0 failed-its-trial$[\s\S]*^b 0\.2\.0 running default$/m,
      )
    } finally {
      await bench.close()
    }
  })
})
