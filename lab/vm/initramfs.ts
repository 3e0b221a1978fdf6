import {execFileSync} from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {basename, join} from 'node:path'
import {zstdDecompressSync} from 'node:zlib'
import {must} from '../processes.ts'

/** The machine lacks something that the VM is made of; the message names the Debian package. */
export class VmMissing extends Error {}

/** In the order of their needs: virtio over PCI, 9p over virtio, and an overlay on top. */
const MODULES = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'netfs',
  'fscache',
  '9pnet',
  '9pnet_virtio',
  '9p',
  'overlay',
]

/** The host's root, read-only, with a tmpfs over it, becomes the root; then the script of the share takes over. */
const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /host /rw /root /share
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in ${MODULES.join(' ')}; do
  [ -f /modules/$module.ko ] && /bin/busybox insmod /modules/$module.ko
done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 hostroot /host || echo "no host root"
/bin/busybox mount -t tmpfs -o size=2g tmpfs /rw
/bin/busybox mkdir /rw/upper /rw/work
/bin/busybox mount -t overlay -o lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work overlay /root || echo "no overlay"
for place in proc sys dev; do /bin/busybox mount --move /$place /root/$place; done
/bin/busybox mkdir -p /root/run /root/dev/shm /root/dev/pts
/bin/busybox mount -t tmpfs tmpfs /root/run
/bin/busybox mount -t tmpfs tmpfs /root/dev/shm
/bin/busybox mount -t devpts devpts /root/dev/pts
/bin/busybox mkdir -p /root/run/vm
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 share /root/run/vm || echo "no share"
exec /bin/busybox switch_root /root /bin/bash /run/vm/guest.sh
`

export interface VmKernel {
  readonly image: string
  readonly version: string
}

/** The newest kernel of Debian or Ubuntu on the machine whose modules are there too. */
export function findKernel(): VmKernel {
  const versions = existsSync('/boot')
    ? readdirSync('/boot').filter((name) => /^vmlinuz-.*-(amd64|arm64|generic)$/.test(name))
    : []
  const version = versions
    .map((name) => name.slice('vmlinuz-'.length))
    .filter((name) => existsSync(`/lib/modules/${name}`))
    .sort((a, b) => a.localeCompare(b, 'en', {numeric: true}))
    .at(-1)
  if (!version) {
    throw new VmMissing(
      'the VM needs a kernel: apt-get install linux-image-amd64 (Debian), linux-image-generic (Ubuntu)',
    )
  }
  return {image: `/boot/vmlinuz-${version}`, version}
}

/** Builds the initramfs of a kernel, once; later calls find it in the cache. */
export async function initramfs(kernel: VmKernel, cacheDir: string): Promise<string> {
  const digest = Buffer.from(INIT)
    .reduce((hash, byte) => (Math.imul(hash, 31) + byte) >>> 0, 7)
    .toString(16)
  const file = join(cacheDir, `initramfs-${kernel.version}-${digest}.gz`)
  if (existsSync(file)) return file
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
  if (!busybox) throw new VmMissing('the VM needs busybox: apt-get install busybox-static')
  const found = await must(['find', `/lib/modules/${kernel.version}/kernel`, '-name', '*.ko*'])
  const paths = new Map(
    found.split('\n').map((path) => [
      basename(path)
        .replace(/\.ko.*/, '')
        .replaceAll('-', '_'),
      path,
    ]),
  )
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-initramfs-'))
  try {
    for (const place of ['bin', 'modules']) mkdirSync(join(dir, place))
    copyFileSync(busybox, join(dir, 'bin', 'busybox'))
    symlinkSync('busybox', join(dir, 'bin', 'sh'))
    writeFileSync(join(dir, 'init'), INIT, {mode: 0o755})
    for (const module of MODULES) {
      const path = paths.get(module)
      // One that is missing is built into the kernel.
      if (path) writeFileSync(join(dir, 'modules', `${module}.ko`), unpackModule(path, busybox))
    }
    mkdirSync(cacheDir, {recursive: true})
    await must([
      'sh',
      '-ec',
      `cd '${dir}' && find . | cpio -o -H newc --quiet | gzip -1 > '${file}.new' && mv '${file}.new' '${file}'`,
    ])
  } finally {
    rmSync(dir, {recursive: true, force: true})
  }
  return file
}

/** Debian 12 has plain modules, Debian 13 `.ko.xz`, Ubuntu 24.04 `.ko.zst`; BusyBox's insmod takes the plain ones. */
export function unpackModule(path: string, busybox: string): Buffer {
  if (path.endsWith('.xz')) return execFileSync(busybox, ['xzcat', path], {maxBuffer: 1 << 28})
  const content = readFileSync(path)
  return path.endsWith('.zst') ? zstdDecompressSync(content) : content
}
