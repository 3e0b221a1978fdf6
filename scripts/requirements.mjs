import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {installDebianPackages, missingDebianPackages} from './debian.mjs'
import {installNpmPackages, staleNpmPackages} from './npm-packages.mjs'

export const ROOT = path.resolve(import.meta.dirname, '..')

/** Runs scripts and bundles: Node 24, which comes as an npm package. */
export const PINNED_NODE = path.join(ROOT, 'node_modules/.bin/node')

/** The environment in which everything of ours runs: the pinned Node and the tools of node_modules come first. */
export const ENVIRONMENT = {...process.env, PATH: `${path.join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`}

/** What people read goes to stderr: stdout may be the lab's JSON. */
export const say = (line) => process.stderr.write(`${line}\n`)

/**
 * Brings the machine to where the project runs on it: npm packages as locked, Debian packages as listed. Says what it
 * installs and why. With nothing missing it only looks: one JSON comparison and one dpkg-query.
 */
export async function prepareMachine() {
  const reason = whyUnfit()
  if (reason) {
    say(reason)
    process.exit(2)
  }
  const stale = staleNpmPackages(ROOT)
  if (stale) await installNpmPackages(ROOT, stale, say)
  const missing = missingDebianPackages(ROOT)
  if (missing.length > 0) await installDebianPackages(missing, say)
  if (!existsSync(PINNED_NODE)) {
    say(
      `There is no Node 24 for this machine (${process.platform} ${process.arch}): isthmus runs on linux x64 and arm64.`,
    )
    process.exit(2)
  }
}

/** One sentence if this machine cannot be used, else null. */
function whyUnfit() {
  if (process.platform !== 'linux') return `isthmus runs on Linux only, and this is ${process.platform}.`
  if (process.getuid() !== 0) {
    return 'Please run this as root: it makes network namespaces and installs the Debian packages it needs.'
  }
  if (!existsSync('/usr/bin/apt-get')) {
    return 'There is no apt-get: this needs Debian 12 or later, or Ubuntu 22.04 or later.'
  }
  const release = Object.fromEntries(
    readFileSync('/etc/os-release', 'utf8')
      .split('\n')
      .map((line) => line.split('='))
      .map(([key, value]) => [key, (value ?? '').replaceAll('"', '')]),
  )
  const oldest = {debian: 12, ubuntu: 22.04}[release.ID]
  // Testing and unstable have no VERSION_ID, and derivatives count by what they are like.
  const known = oldest !== undefined || / ?(debian|ubuntu)/.test(release.ID_LIKE ?? '')
  if (!known || (oldest && release.VERSION_ID && Number(release.VERSION_ID) < oldest)) {
    return `This needs Debian 12 or later, or Ubuntu 22.04 or later, and this is ${release.PRETTY_NAME ?? release.ID}.`
  }
  return null
}
