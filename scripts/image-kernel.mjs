// The kernel's part of the image: which modules stay in it, and an initramfs of a few megabytes. It is our own and not initramfs-tools',
// since it has no udev: that took 15 of the 22 seconds until systemd under emulation (decision 0186).
import {execFileSync} from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'

const SOURCES = path.resolve(import.meta.dirname, '../appliance/image')
/** What `init` calls by name, all of it BusyBox. */
const APPLETS = 'sh chmod cp find grep head mkdir modprobe mount reboot sed sleep sort switch_root sync'
const LISTS = ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']

const linesOf = (file) =>
  readFileSync(path.join(SOURCES, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))

/** Folders of modules that a gateway has no use for, and with them what needs them; that may be no network card's. */
export function leaveOutModules(root) {
  const {folder, version} = modulesOf(root)
  const before = dependencies(folder)
  for (const name of linesOf('modules-left-out.txt')) rmSync(path.join(folder, 'kernel', name), {recursive: true})
  for (const [file, needed] of before) {
    if (needed.every((other) => existsSync(path.join(folder, other)))) continue
    if (file.startsWith('kernel/drivers/net/ethernet/'))
      throw new Error(`modules-left-out.txt: ${file} needs one of it`)
    rmSync(path.join(folder, file), {force: true})
  }
  execFileSync('depmod', ['-b', root, version])
}

/** Writes the initramfs: BusyBox, e2fsck, modules of modules.txt with what they need, and `initrd/init`. */
export function writeInitrd(root, file, work) {
  const tree = path.join(work, 'initrd')
  for (const name of ['bin', 'sbin', 'dev', 'proc', 'sys', 'root', 'lib64'])
    mkdirSync(path.join(tree, name), {recursive: true})
  for (const program of ['/bin/busybox', '/sbin/e2fsck']) copyProgram(root, tree, program)
  for (const applet of APPLETS.split(' ')) symlinkSync('busybox', path.join(tree, 'bin', applet))
  // The kernel asks for modules by this name.
  symlinkSync('../bin/busybox', path.join(tree, 'sbin/modprobe'))
  cpSync(path.join(SOURCES, 'initrd/init'), path.join(tree, 'init'))
  copyModules(root, tree)
  const list = execFileSync('find', ['.'], {cwd: tree})
  const archive = execFileSync('cpio', ['-o', '-H', 'newc', '--quiet', '-R', '0:0'], {
    cwd: tree,
    input: list,
    maxBuffer: 1 << 28,
  })
  writeFileSync(file, execFileSync('zstd', ['-19', '-q', '-c'], {input: archive, maxBuffer: 1 << 28}))
}

function copyProgram(root, tree, program) {
  const libraries = execFileSync('chroot', [root, 'ldd', program], {encoding: 'utf8'}).matchAll(/(\/\S+) \(0x/g)
  for (const name of [program, ...Array.from(libraries, ([, library]) => library)]) {
    const to = path.join(tree, name)
    if (existsSync(to)) continue
    mkdirSync(path.dirname(to), {recursive: true})
    copyFileSync(path.join(root, name), to)
  }
}

function copyModules(root, tree) {
  const {folder, version} = modulesOf(root)
  const to = path.join(tree, 'lib/modules', version)
  const needs = dependencies(folder)
  const nameOf = (module) => path.basename(module, '.ko').replaceAll('-', '_')
  const byName = new Map(Array.from(needs.keys(), (module) => [nameOf(module), module]))
  const builtin = new Set(readFileSync(path.join(folder, 'modules.builtin'), 'utf8').trim().split('\n').map(nameOf))
  for (const name of linesOf('initrd/modules.txt').map(nameOf)) {
    const module = byName.get(name)
    if (!module && !builtin.has(name)) throw new Error(`initrd/modules.txt: the kernel has no ${name}`)
    for (const one of module ? [module, ...needs.get(module)] : []) {
      mkdirSync(path.dirname(path.join(to, one)), {recursive: true})
      cpSync(path.join(folder, one), path.join(to, one))
    }
  }
  for (const list of LISTS) cpSync(path.join(folder, list), path.join(to, list))
  execFileSync('depmod', ['-b', tree, version])
}

/** `modules.dep`: each module, and all that it needs. */
function dependencies(folder) {
  const lines = readFileSync(path.join(folder, 'modules.dep'), 'utf8').trim().split('\n')
  return new Map(
    lines.map((line) => line.split(':')).map(([name, needed]) => [name, needed.split(' ').filter(Boolean)]),
  )
}

function modulesOf(root) {
  const parent = path.join(root, 'usr/lib/modules')
  const [version] = readdirSync(parent)
  return {folder: path.join(parent, version), version}
}
