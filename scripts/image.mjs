// `npm run image`: dist/image/isthmus_VERSION.qcow2 (boots on BIOS and UEFI) and isthmus_VERSION.upgrade (for `isthmus-slot install`).
// As root, on Debian 12. Packages come from the machine's own apt sources, or from ISTHMUS_APT_SOURCES.
import {execFileSync, spawnSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {leaveOutModules, writeInitrd} from './image-kernel.mjs'
import {PINNED_NODE} from './requirements.mjs'

const ROOT = path.resolve(import.meta.dirname, '..')
const SOURCES = path.join(ROOT, 'appliance/image')
const OUT = path.join(ROOT, 'dist/image')
const CACHE = path.join(process.env.XDG_CACHE_HOME ?? `${process.env.HOME}/.cache`, 'isthmus/image-packages')
const TOOLS =
  'mmdebstrap squashfs-tools dosfstools gdisk grub-pc-bin grub-efi-amd64-bin grub-common mtools qemu-utils e2fsprogs zstd cpio kmod'
const MIB = 1024 * 1024
const SECTOR = 512

/** Where each partition begins and how long it is, in MiB; the last one grows with the disk. */
const PARTITIONS = [
  {name: 'bios', type: 'EF02', at: 1, size: 1},
  {name: 'boot', type: 'EF00', at: 2, size: 254},
  {name: 'slot-a', type: '8300', at: 256, size: 640},
  {name: 'slot-b', type: '8300', at: 896, size: 640},
  {name: 'var', type: '8300', at: 1536, size: 1024},
]
const partition = (name) => PARTITIONS.find((one) => one.name === name)

const MODULES =
  'part_gpt fat normal configfile linux serial terminal loadenv test echo reboot search search_label sleep minicmd'
const SERVICES =
  'ssh chrony systemd-networkd systemd-resolved systemd-networkd-wait-online isthmus-slot isthmus-grow-var isthmus-base isthmus isthmus-warm etcd cloud-init-local cloud-init cloud-config cloud-final'
const NOT_STARTED = 'keepalived conntrackd apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer'
/** Debian's own at each boot, for what a gateway has not: LVM, binaries of other machines, graphics, FUSE, tracing. */
const MASKED =
  'e2scrub_reap.service e2scrub_all.timer systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-pstore.service ' +
  'modprobe@drm.service modprobe@dm_mod.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service modprobe@configfs.service ' +
  'sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount'
const MASKED_GENERATORS = 'cryptsetup gpt-auto hibernate-resume integritysetup rc-local system-update sysv veritysetup'

const run = (command, args, options = {}) =>
  execFileSync(command, args, {stdio: ['ignore', 'inherit', 'inherit'], ...options})
const text = (command, args) => execFileSync(command, args, {encoding: 'utf8'})
const say = (line) => console.log(`${((performance.now() - began) / 1000).toFixed(0)} s  ${line}`)
const began = performance.now()

if (process.getuid() !== 0) throw new Error('npm run image: as root, since it makes a root file system')
installTools()
const version = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version
const label = process.env.ISTHMUS_IMAGE_VERSION ?? version
mkdirSync(OUT, {recursive: true})
mkdirSync(CACHE, {recursive: true})
const work = mkdtempSync(path.join(process.env.TMPDIR ?? tmpdir(), 'isthmus-image-'))
try {
  const root = path.join(work, 'root')
  bootstrap(root, packageFile())
  say('root file system')
  settle(root)
  const parts = slotParts(root)
  say(`slot: ${mib(parts.squashfs)} MiB`)
  writeFileSync(path.join(work, 'version'), `${label}\n`)
  writeUpgrade(parts)
  say('upgrade')
  writeDisk(parts)
  say('disk')
} finally {
  rmSync(work, {recursive: true, force: true})
}
for (const file of readdirSync(OUT)) console.log(`dist/image/${file}: ${mib(path.join(OUT, file))} MiB`)

function mib(file) {
  return (statSync(file).size / MIB).toFixed(0)
}

function installTools() {
  const missing = TOOLS.split(' ').filter((name) => !/^ii/.test(shown(name)))
  if (missing.length === 0) return
  console.log(`installing for the image: ${missing.join(' ')}`)
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
    env: {...process.env, DEBIAN_FRONTEND: 'noninteractive'},
  })
}

function shown(name) {
  try {
    return text('dpkg', ['-l', name]).split('\n').at(-2)
  } catch {
    return ''
  }
}

function packageFile() {
  const file = path.join(ROOT, `dist/isthmus_${version}_amd64.deb`)
  if (!existsSync(file)) run(PINNED_NODE, [path.join(ROOT, 'scripts/deb.mjs')])
  return file
}

function aptSources() {
  if (process.env.ISTHMUS_APT_SOURCES) return [process.env.ISTHMUS_APT_SOURCES]
  const folder = '/etc/apt/sources.list.d'
  const files = readdirSync(folder).map((file) => `${folder}/${file}`)
  return ['/etc/apt/sources.list', ...files].filter(
    (file) => /\.(list|sources)$/.test(file) && existsSync(file) && /bookworm/.test(readFileSync(file, 'utf8')),
  )
}

/** Debian and our package; what was fetched is kept for the next time. */
function bootstrap(root, deb) {
  const packages = readFileSync(path.join(SOURCES, 'packages.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  run(
    'mmdebstrap',
    [
      '--mode=root',
      '--variant=minbase',
      '--quiet',
      `--include=${packages.join(',')}`,
      '--dpkgopt=path-exclude=/usr/share/man/*',
      '--dpkgopt=path-exclude=/usr/share/locale/*',
      '--dpkgopt=path-exclude=/usr/share/doc/*',
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      '--dpkgopt=path-include=/usr/share/doc/isthmus/*',
      '--aptopt=APT::Install-Recommends "false"',
      '--skip=download/empty',
      '--skip=essential/unlink',
      `--setup-hook=mkdir -p "$1/var/cache/apt/archives/"; cp -n ${CACHE}/*.deb "$1/var/cache/apt/archives/" 2>/dev/null || true`,
      `--customize-hook=cp -n "$1"/var/cache/apt/archives/*.deb ${CACHE}/ 2>/dev/null || true`,
      `--customize-hook=cp ${deb} "$1/tmp/isthmus.deb" && chroot "$1" dpkg -i /tmp/isthmus.deb && rm "$1/tmp/isthmus.deb"`,
      'bookworm',
      root,
      ...aptSources(),
    ],
    {env: {...process.env, INITRD: 'No'}},
  )
}

/** What makes a machine of it; then /var as it is at first becomes the copy that an empty /var is filled from. */
function settle(root) {
  cpSync(path.join(SOURCES, 'files'), root, {recursive: true})
  const systemctl = (...args) => run('systemctl', [`--root=${root}`, ...args], {stdio: 'ignore'})
  for (const unit of NOT_STARTED.split(' ')) tolerate(() => systemctl('disable', unit))
  for (const unit of SERVICES.split(' ')) systemctl('enable', unit)
  const etc = path.join(root, 'etc/systemd')
  for (const unit of MASKED.split(' ')) symlinkSync('/dev/null', path.join(etc, 'system', unit))
  for (const name of MASKED_GENERATORS.split(' '))
    symlinkSync('/dev/null', path.join(etc, `system-generators/systemd-${name}-generator`))
  // Names of hosts may come later than the gateway: it tries again.
  rewrite(
    path.join(root, 'usr/lib/systemd/system/systemd-resolved.service'),
    'Before=sysinit.target network.target ',
    'Before=',
  )
  symlinkSync('/usr/lib/isthmus/isthmus-slot', path.join(root, 'usr/sbin/isthmus-slot'))
  writeFileSync(path.join(root, 'etc/hostname'), 'isthmus\n')
  writeFileSync(path.join(root, 'etc/machine-id'), '')
  writeFileSync(path.join(root, 'usr/lib/isthmus/image-version'), `${label}\n`)
  rmSync(path.join(root, 'etc/resolv.conf'), {force: true})
  symlinkSync('../run/systemd/resolve/stub-resolv.conf', path.join(root, 'etc/resolv.conf'))
  for (const file of readdirSync(path.join(root, 'etc/ssh')))
    if (file.startsWith('ssh_host_')) rmSync(path.join(root, 'etc/ssh', file))
  compileAhead(root)
  leaveOutModules(root)
  mkdirSync(path.join(root, 'usr/lib/sysimage'), {recursive: true})
  renameSync(path.join(root, 'var/lib/dpkg'), path.join(root, 'usr/lib/sysimage/dpkg'))
  symlinkSync('/usr/lib/sysimage/dpkg', path.join(root, 'var/lib/dpkg'))
  for (const folder of ['cache/apt', 'lib/apt/lists', 'log', 'tmp'])
    rmSync(path.join(root, 'var', folder), {recursive: true, force: true})
  for (const folder of ['log', 'tmp']) mkdirSync(path.join(root, 'var', folder))
  mkdirSync(path.join(root, 'usr/share/factory'), {recursive: true})
  run('cp', ['-a', path.join(root, 'var'), path.join(root, 'usr/share/factory/var')])
  run('find', [path.join(root, 'var'), '-mindepth', '1', '-delete'])
}

/** Starts the daemon once, as its unit does: V8's compiled code is kept in the slot. A configuration that says nothing is refused at once. */
function compileAhead(root) {
  const unit = readFileSync(path.join(root, 'usr/lib/systemd/system/isthmus.service.d/60-appliance.conf'), 'utf8')
  const [, command] = /^ExecStart=(\/.*)$/m.exec(unit)
  const folder = /^Environment=NODE_COMPILE_CACHE=(.*)$/m.exec(unit)[1]
  const at = path.join(root, folder)
  const [, user] = /^isthmus:x:(\d+:\d+):/m.exec(readFileSync(path.join(root, 'etc/passwd'), 'utf8'))
  mkdirSync(at)
  run('chown', [user, at])
  const words = [`--userspec=${user}`, root, 'env', `NODE_COMPILE_CACHE=${folder}`, ...command.split(' ')]
  spawnSync('chroot', words, {stdio: 'ignore'})
  run('chown', ['-R', '0:0', at])
  run('chmod', ['-R', 'a+rX', at])
  if (readdirSync(at, {recursive: true}).length < 2) throw new Error(`the daemon has kept nothing compiled: ${command}`)
}

/** A file of Debian's, where a drop-in cannot take away. */
function rewrite(file, from, to) {
  const before = readFileSync(file, 'utf8')
  if (!before.includes(from)) throw new Error(`${file} has no "${from}" any more`)
  writeFileSync(file, before.replace(from, to))
}

function tolerate(act) {
  try {
    act()
  } catch {
    // A unit that this Debian has not need not be disabled.
  }
}

function slotParts(root) {
  const boot = path.join(root, 'boot')
  const kernel = readdirSync(boot).find((file) => file.startsWith('vmlinuz-'))
  cpSync(path.join(boot, kernel), path.join(work, 'vmlinuz'))
  writeInitrd(root, path.join(work, 'initrd.img'), work)
  run('find', [boot, '-mindepth', '1', '-delete'])
  mkdirSync(path.join(boot, 'slots'))
  const squashfs = path.join(work, 'root.squashfs')
  run('mksquashfs', [
    root,
    squashfs,
    '-comp',
    'zstd',
    '-Xcompression-level',
    '3',
    '-noappend',
    '-quiet',
    '-no-progress',
  ])
  if (statSync(squashfs).size > partition('slot-a').size * MIB) throw new Error('the root is larger than a slot')
  return {squashfs}
}

/** Small members first, so that what says whether the rest is whole is there before it. */
function writeUpgrade({squashfs}) {
  const hash = createHash('sha256')
  const members = ['version', 'vmlinuz', 'initrd.img']
  const sums = members.map((name) => {
    const sum = createHash('sha256')
      .update(readFileSync(path.join(work, name)))
      .digest('hex')
    return `${sum}  ${name}`
  })
  hash.update(readFileSync(squashfs))
  writeFileSync(path.join(work, 'manifest'), `${[...sums, `${hash.digest('hex')}  root.squashfs`].join('\n')}\n`)
  const file = path.join(OUT, `isthmus_${label}.upgrade`)
  run('tar', ['-cf', `${file}.new`, '-C', work, 'manifest', ...members, 'root.squashfs'])
  renameSync(`${file}.new`, file)
}

function writeDisk({squashfs}) {
  const disk = path.join(work, 'disk.raw')
  const last = PARTITIONS.at(-1)
  writeFileSync(disk, '')
  truncateSync(disk, (last.at + last.size + 1) * MIB)
  const layout = PARTITIONS.flatMap(({name, type, at, size}, index) => {
    const sectors = MIB / SECTOR
    const number = index + 1
    return [`-n${number}:${at * sectors}:${(at + size) * sectors - 1}`, `-t${number}:${type}`, `-c${number}:${name}`]
  })
  run('sgdisk', ['--clear', ...layout, disk], {stdio: 'ignore'})
  put(disk, bootPartition(), 'boot')
  put(disk, squashfs, 'slot-a')
  const state = path.join(work, 'var.ext4')
  writeFileSync(state, '')
  truncateSync(state, partition('var').size * MIB)
  run('mkfs.ext4', ['-q', '-L', 'var', '-E', 'nodiscard', state])
  put(disk, state, 'var')
  makeBiosBoot(disk)
  const image = path.join(OUT, `isthmus_${label}.qcow2`)
  run('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', '-o', 'compression_type=zstd', disk, `${image}.new`])
  renameSync(`${image}.new`, image)
}

function put(disk, file, name) {
  run('dd', [`if=${file}`, `of=${disk}`, 'bs=1M', `seek=${partition(name).at}`, 'conv=notrunc,sparse', 'status=none'])
}

/** FAT, which grub and UEFI read: grub's files, and the kernel of each slot that is filled. */
function bootPartition() {
  const file = path.join(work, 'boot.fat')
  writeFileSync(file, '')
  truncateSync(file, partition('boot').size * MIB)
  run('mkfs.vfat', ['-n', 'ISTHMUS', file], {stdio: 'ignore'})
  const early = path.join(work, 'early.cfg')
  writeFileSync(early, 'search --no-floppy --set=root --label ISTHMUS\nset prefix=($root)/grub\n')
  const efi = path.join(work, 'BOOTX64.EFI')
  run('grub-mkimage', ['-O', 'x86_64-efi', '-p', '/grub', '-c', early, '-o', efi, ...MODULES.split(' ')])
  const environment = path.join(work, 'grubenv')
  run('grub-editenv', [environment, 'create'])
  run('grub-editenv', [environment, 'set', 'slot=a'])
  const into = (from, to) => run('mcopy', ['-i', file, from, `::${to}`])
  for (const folder of ['EFI', 'EFI/BOOT', 'grub', 'slots', 'slots/a']) run('mmd', ['-i', file, `::${folder}`])
  into(efi, 'EFI/BOOT/BOOTX64.EFI')
  into(path.join(SOURCES, 'grub.cfg'), 'grub/grub.cfg')
  into(environment, 'grub/grubenv')
  for (const name of ['vmlinuz', 'initrd.img', 'version']) into(path.join(work, name), `slots/a/${name}`)
  return file
}

/**
 * What grub-install does, without mounts: boot.img in the first sector knows where core.img begins, and core.img's first sector
 * where the rest of it lies (grub's boot.h and diskboot.h: offsets 0x5c and 0x1f4).
 */
function makeBiosBoot(disk) {
  const core = path.join(work, 'core.img')
  const early = path.join(work, 'early.cfg')
  run('grub-mkimage', ['-O', 'i386-pc', '-p', '/grub', '-c', early, '-o', core, 'biosdisk', ...MODULES.split(' ')])
  const first = (partition('bios').at * MIB) / SECTOR
  const boot = readFileSync('/usr/lib/grub/i386-pc/boot.img')
  boot.writeBigUInt64LE(BigInt(first), 0x5c)
  const image = readFileSync(core)
  image.writeBigUInt64LE(BigInt(first + 1), 0x1f4)
  image.writeUInt16LE(Math.ceil(image.length / SECTOR) - 1, 0x1fc)
  if (image.length > partition('bios').size * MIB) throw new Error('core.img is larger than its partition')
  const file = openSync(disk, 'r+')
  // Behind 440 bytes of code lie the disk's number and the protective partition table.
  writeSync(file, boot, 0, 440, 0)
  writeSync(file, image, 0, image.length, first * SECTOR)
  closeSync(file)
}
