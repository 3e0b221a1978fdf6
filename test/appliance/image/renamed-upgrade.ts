import {execFileSync} from 'node:child_process'
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

const MEMBERS = ['manifest', 'version', 'vmlinuz', 'initrd.img', 'root.squashfs']

/** The same content as another version. */
export function renamedUpgrade(upgrade: string, folder: string, name: string): string {
  mkdirSync(folder)
  execFileSync('tar', ['-xf', upgrade, '-C', folder])
  writeFileSync(path.join(folder, 'version'), `${name}\n`)
  const [sum] = execFileSync('sha256sum', [path.join(folder, 'version')], {encoding: 'utf8'}).split(' ')
  const manifest = readFileSync(path.join(folder, 'manifest'), 'utf8').replace(/^\S+ {2}version$/m, `${sum}  version`)
  writeFileSync(path.join(folder, 'manifest'), manifest)
  const file = path.join(folder, 'new.upgrade')
  execFileSync('tar', ['-cf', file, '-C', folder, ...MEMBERS])
  return file
}
