import {spawnSync} from 'node:child_process'
import {existsSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import path from 'node:path'

const ARCHITECTURES = {x64: 'amd64', arm64: 'arm64'}

/** Lines of packages.txt that are for this architecture: `{names, why}`, one name a distribution. */
export function readPackageList(root, architecture = ARCHITECTURES[process.arch]) {
  return readFileSync(path.join(root, 'scripts/packages.txt'), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => /^(?<names>\S+)(?: \[(?<only>\w+)\])?\s+(?<why>.+)$/.exec(line).groups)
    .filter(({only}) => only === undefined || only === architecture)
    .map(({names, why}) => ({names: names.split('|'), why}))
}

/** The packages of the list that are not installed under any of their names, by one dpkg-query. */
export function missingDebianPackages(root) {
  const list = readPackageList(root)
  const names = list.flatMap((entry) => entry.names)
  // Its status is 1 as soon as one is unknown; what it knows is printed all the same.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const format = '${Package} ${db:Status-Status}\n'
  const {stdout} = spawnSync('dpkg-query', ['-W', '-f', format, ...names], {
    encoding: 'utf8',
  })
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  )
  return list.filter((entry) => !entry.names.some((name) => installed.has(name)))
}

/** Installs them, so that none of their services starts now or at the next boot: the lab starts its own. */
export async function installDebianPackages(missing, say) {
  say('Installing Debian packages:')
  for (const {names, why} of missing) say(`  ${names.join(' or ').padEnd(28)} ${why}`)
  const unmute = muteServices()
  // Ctrl-C reaches apt-get too; we go on to the `finally`, so that the machine's own policy comes back.
  const interrupted = () => undefined
  process.on('SIGINT', interrupted)
  process.on('SIGTERM', interrupted)
  try {
    apt(['update', '-qq'], say)
    const chosen = missing.map(({names}) => names.find(isKnownToApt) ?? names[0])
    apt(['install', '-y', '-qq', '--no-install-recommends', ...chosen], say)
    disableServices(chosen)
  } catch (error) {
    say(error.message)
    process.exitCode = 2
  } finally {
    unmute()
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
  }
  if (process.exitCode === 2) process.exit(2)
}

function apt(args, say) {
  const {status, signal, error} = spawnSync('apt-get', args, {
    stdio: ['ignore', 2, 2],
    // frr, prometheus and others would ask; needrestart would restart what has nothing to do with us.
    env: {...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1'},
  })
  if (status === 0) return
  const how = error?.message ?? (signal ? `stopped by ${signal}` : `status ${status}`)
  if (args[0] === 'update' && !signal)
    return say(`apt-get update failed (${how}); going on with the lists that are there.`)
  throw new Error(`apt-get ${args[0]} failed: ${how}.`)
}

function isKnownToApt(name) {
  const {stdout} = spawnSync('apt-cache', ['policy', name], {encoding: 'utf8'})
  return /Candidate: (?!\(none\))/.test(stdout)
}

const POLICY = '/usr/sbin/policy-rc.d'
const SAVED = '/usr/sbin/policy-rc.d.isthmus-saved'
const MARK = '# Written by the isthmus installer for the time of one apt-get; safe to delete.'

/**
 * Debian asks this file before a package may start its service; 101 means no. What the machine had there is put aside
 * and comes back, also after a run that was killed between the two.
 */
function muteServices() {
  const restore = () => {
    if (existsSync(POLICY) && readFileSync(POLICY, 'utf8').includes(MARK)) rmSync(POLICY)
    if (existsSync(SAVED)) renameSync(SAVED, POLICY)
  }
  restore()
  if (existsSync(POLICY)) renameSync(POLICY, SAVED)
  writeFileSync(POLICY, `#!/bin/sh\n${MARK}\nexit 101\n`, {mode: 0o755})
  return restore
}

/** What the packages enabled for the next boot is disabled again; a template (`wg-quick@`) is nobody's yet. */
function disableServices(packages) {
  if (!existsSync('/usr/bin/systemctl')) return
  const {stdout} = spawnSync('dpkg', ['-L', ...packages], {encoding: 'utf8'})
  const units = stdout
    .split('\n')
    .map((file) => /\/systemd\/system\/([^/@]+\.(?:service|timer|socket))$/.exec(file)?.[1])
    .filter((unit) => unit !== undefined)
  if (units.length > 0)
    spawnSync('systemctl', ['disable', '--no-reload', '--quiet', ...new Set(units)], {stdio: 'ignore'})
}
