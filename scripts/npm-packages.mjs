import {spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import path from 'node:path'

/**
 * Why node_modules is not what package-lock.json says, or null. npm leaves a lock file of what it installed inside
 * node_modules, written last, so an install that was cut short shows as missing.
 */
export function staleNpmPackages(root) {
  const wanted = readPackages(path.join(root, 'package-lock.json'))
  const installed = readPackages(path.join(root, 'node_modules/.package-lock.json'))
  if (!wanted) return 'package-lock.json cannot be read'
  if (!installed) return 'they are not installed yet'
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === '') continue
    const there = installed[name]
    if (!there && entry.optional && !isForThisMachine(entry)) continue
    if (!there) return `${name.replace('node_modules/', '')} is missing`
    if (there.version !== entry.version || there.integrity !== entry.integrity) {
      return `${name.replace('node_modules/', '')} is ${there.version}, and package-lock.json says ${entry.version}`
    }
  }
  return null
}

export async function installNpmPackages(root, reason, say) {
  say(`Installing npm packages: ${reason}.`)
  const npm = process.env.npm_execpath
  // `npm ci` begins by deleting node_modules, and with it the pinned Node that may be running this.
  const node = process.env.npm_node_execpath ?? process.execPath
  const [command, first] = npm ? [node, [npm]] : ['npm', []]
  const args = [...first, 'ci', '--include=dev', '--include=optional', '--no-fund', '--no-audit', '--loglevel=error']
  const {status, error} = spawnSync(command, args, {cwd: root, stdio: ['ignore', 2, 2]})
  if (status === 0) return
  say(`npm ci failed${error ? `: ${error.message}` : ''}. Is the package registry reachable?`)
  process.exit(2)
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return null
  }
}

function isForThisMachine({os, cpu, libc}) {
  const fits = (list, own) => !list || list.includes(own)
  return fits(os, process.platform) && fits(cpu, process.arch) && fits(libc, 'glibc')
}
