#!/usr/bin/env node
// Starts the bundled command line in a checkout, with the pinned Node, whatever Node (20.19 or newer) runs this.
import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {constants} from 'node:os'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..')
const BUNDLE = path.join(ROOT, 'dist/isthmus.mjs')
const PINNED_NODE = path.join(ROOT, 'node_modules/.bin/node')

function fail(message) {
  console.error(message)
  process.exit(2)
}

if (!existsSync(BUNDLE)) fail(`${BUNDLE} is not there: run \`npm run build\` in ${ROOT} first.`)
if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(BUNDLE)
} else {
  if (!existsSync(PINNED_NODE))
    fail(`isthmus runs on Node 24, and this is ${process.version}: run \`npm ci\` in ${ROOT}.`)
  const child = spawn(PINNED_NODE, [BUNDLE, ...process.argv.slice(2)], {stdio: 'inherit'})
  // The terminal's Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
  process.on('SIGINT', () => undefined)
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(error.message))
  child.on('exit', (status, signal) => process.exit(status ?? 128 + constants.signals[signal]))
}
